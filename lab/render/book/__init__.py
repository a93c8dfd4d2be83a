"""The picture-book world: hundreds of subjects from free drawings, in sixteen places."""
