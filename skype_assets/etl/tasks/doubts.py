"""What deserves a look at an export that was loaded well, and yet may hold less than it should.

Nothing here is an error, and nothing of it is said of an ordinary export: of that some conversations may lack the list
of messages. But whoever expects messages must be told that there are none.
"""

from dataclasses import dataclass

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.phases.transform import WITHOUT_LIST
from skype_assets.etl.phases.transform_parts import UNREADABLE_SIDE_FILES
from skype_assets.etl.tasks.findings import is_partial, whole


@dataclass(frozen=True)
class Chats:
    """How many conversations an export has, how many of them have messages, and how many objects lack the list."""

    total: int
    with_messages: int
    without_list: int


def chats(transformed: PhaseTables) -> Chats:
    """The conversations of an export. Needs the complete transform checkpoint."""
    conservation = transformed.summary("conservation")
    return Chats(
        total=transformed.summary("conversations").num_rows,
        with_messages=sum(seen > 0 for seen in conservation["seen"].to_pylist()),
        without_list=transformed.state.counts().get(WITHOUT_LIST, 0),
    )


def doubts(transformed: PhaseTables) -> list[str]:
    """What deserves a look, a sentence each. Needs the complete transform checkpoint."""
    found = chats(transformed)
    said: list[str] = []
    if is_partial(transformed):
        said.append(f"this is not the whole export, but what is whole of a damaged one: {whole(transformed).detail}")
    if not found.total:
        said.append("this export holds no message: nothing but its media was loaded")
    elif not found.with_messages:
        said.append(
            f"the export has conversations ({found.total:,}) and not one message: look whether this is the file that "
            "has them, and whether its conversations have a MessageList"
        )
    if 2 * found.without_list > found.total:
        said.append(
            f"most conversations ({found.without_list:,} of {found.total:,}) lack a MessageList: no message of theirs "
            "is loaded"
        )
    if unreadable := transformed.state.counts().get(UNREADABLE_SIDE_FILES, 0):
        said.append(
            f"side files of media ({unreadable:,}) hold no JSON that can be read: the names and types that they give "
            "are missing; their bytes are in the raw checkpoint"
        )
    return said
