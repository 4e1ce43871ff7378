import pytest
import torch
from torch import nn

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.encoder import DEFAULT, PAPER, AffectHead, Autoencoder, Encoder, EncoderSettings, preset
from cmlstream.models.errors import ConfigurationError


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_paper_preset_has_the_published_number_of_weights() -> None:
    network = Autoencoder(88, PAPER)
    assert weights(network.encoder) == 4_612
    assert weights(network) == 9_310


def test_paper_decoder_has_one_relu_after_the_layer_of_twenty() -> None:
    layers = list(Autoencoder(88, PAPER).decoder)
    shape = [layer.out_features if isinstance(layer, nn.Linear) else "relu" for layer in layers]
    assert shape == [10, 20, "relu", 40, 88]


def test_encoder_has_a_relu_after_every_layer_but_the_last() -> None:
    layers = list(Encoder(88, PAPER).layers)
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]


@pytest.mark.parametrize("settings", [PAPER, DEFAULT, EncoderSettings(hidden=(7,), latent=4)])
def test_autoencoder_shapes(settings: EncoderSettings) -> None:
    scores_BF = torch.randn(5, 88)
    embedding_BD, reconstruction_BF = Autoencoder(88, settings)(scores_BF, torch.Generator().manual_seed(1))
    assert embedding_BD.shape == (5, settings.latent)
    assert reconstruction_BF.shape == scores_BF.shape


def test_input_noise_comes_from_the_generator_alone() -> None:
    network = Autoencoder(88, PAPER)
    scores_BF = torch.zeros(3, 88)
    one, same, other = (network(scores_BF, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_noiseless_autoencoder_embeds_what_its_encoder_embeds() -> None:
    network = Autoencoder(88, EncoderSettings(hidden=(16,), latent=2, noise=0.0))
    scores_BF = torch.randn(3, 88)
    assert torch.equal(network(scores_BF, torch.Generator())[0], network.encoder(scores_BF))


def test_head_reads_activation_from_the_first_half_and_valence_from_the_second() -> None:
    head = AffectHead(4)
    head.scale_A.copy_(torch.tensor([0.5, -0.25]))
    head.offset_A.copy_(torch.tensor([0.1, 0.2]))
    logits_BE, activation_B, valence_B = head(torch.tensor([[0.2, 0.4, 1.0, 2.0]]))
    assert logits_BE.shape == (1, len(EMOTIONS))
    assert activation_B.item() == pytest.approx(0.5 * 0.3 + 0.1)
    assert valence_B.item() == pytest.approx(-0.25 * 1.5 + 0.2)


def test_head_stays_on_the_published_scale() -> None:
    embedding_BD = torch.tensor([[100.0, -100.0], [-100.0, 100.0]])
    _, activation_B, valence_B = AffectHead(2)(embedding_BD)
    assert activation_B.tolist() == [1.0, -1.0]
    assert valence_B.tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({"latent": 3}, "even"),
        ({"latent": 0}, "even"),
        ({"hidden": ()}, "positive layer widths"),
        ({"hidden": (4, 0)}, "positive layer widths"),
        ({"noise": -1.0}, "noise"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EncoderSettings(**({"hidden": (8,), "latent": 2} | sizes))


def test_presets_by_name() -> None:
    assert preset("paper") is PAPER
    assert preset("default") is DEFAULT
    with pytest.raises(ConfigurationError, match="no preset `large`"):
        preset("large")
