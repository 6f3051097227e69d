from skype_assets.etl.process_wide import ProcessWide


def test_overlapping_users_of_a_switch_leave_what_was_there_before_the_first() -> None:
    state = ["as it was"]

    def change() -> str:
        before, state[0] = state[0], "changed"
        return before

    switch = ProcessWide(change, lambda before: state.__setitem__(0, before))
    switch.__enter__()
    switch.__enter__()
    switch.__exit__(None, None, None)
    assert state == ["changed"], "the second still needs it"
    switch.__exit__(None, None, None)
    assert state == ["as it was"]
    with switch:
        assert state == ["changed"]
    assert state == ["as it was"]
