import re
from pathlib import Path

from cmlstream.models import egemaps

FOLDER = Path(egemaps.__file__).parent
README = (FOLDER / "README.md").read_text()


def test_the_example_runs():
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(program, names)
    assert names["features_BF"].shape == (2, 88)
    assert int(names["decided"].long_B[1] + names["rest"].long_B[0]) == 2


def test_what_it_names_is_there():
    for name in re.findall(r"\]\((\w+\.md)\)|`(\w+\.py)`", README):
        assert (FOLDER / "".join(name)).exists(), name
    modules = README[README.index("## Where things are") :]
    for name in re.findall(r"`(\w+)`", modules):
        assert (FOLDER / f"{name}.py").exists(), name
