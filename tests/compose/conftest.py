"""The platform in containers: what is special about them.

`stack` is the one that all end-to-end tests use; others are made of a copy of the tree.
"""

from collections.abc import Callable, Iterator

import pytest
from local_stack.container_stack import ContainerStack

from tree import copy_tree

NewContainers = Callable[..., ContainerStack]


@pytest.fixture(scope="session")
def new_containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewContainers]:
    """Makes projects out of what a clone would have; whatever they started is gone afterwards."""
    made: list[ContainerStack] = []

    def making(*files: str) -> ContainerStack:
        folder = tmp_path_factory.mktemp("tree")
        copy_tree(folder)
        state = tmp_path_factory.mktemp("state")
        made.append(ContainerStack(folder, state, isolated=True, files=files))
        return made[-1]

    yield making
    for containers in made:
        containers.reset()
