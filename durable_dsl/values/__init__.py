"""Values that leave Python as text: typed JSON, types described as data, and the ids of components and promises."""
