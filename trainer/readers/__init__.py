"""Each turns the folder of a corpus, as its makers hand it out, into recordings and what is known of them."""
