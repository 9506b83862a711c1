"""Methods with signatures of their own: what these take, and how parameters are bound to them."""
