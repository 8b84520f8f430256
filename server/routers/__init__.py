"""One module per top-level route: types in, one service call, types out."""
