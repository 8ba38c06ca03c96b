"""The mathematics: index sets, affine maps, forms and their exact meaning."""
