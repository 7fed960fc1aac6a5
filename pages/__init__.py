"""One file per page: layout and words. A page asks core for numbers and draws them."""
