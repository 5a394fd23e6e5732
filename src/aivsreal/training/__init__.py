"""From labelled images to a bundle: recipe, network, augmentation, loader, loop, export."""
