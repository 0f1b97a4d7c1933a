"""The processes of Eunoe: which roles there are, and how `eunoe up` keeps one process of each running."""
