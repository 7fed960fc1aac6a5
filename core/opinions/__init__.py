"""What customers wrote about products: remarks on aspects, claims that rest on them, and sentences that cite them."""
