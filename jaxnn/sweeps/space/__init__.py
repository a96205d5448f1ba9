"""Search spaces: distributions, choices, and the settings that are drawn from them."""
