"""Tests of the pause of garbage collection: it ends with its block, whatever ends that."""

import gc

import pytest

from jaxnn._kernels.garbage import pause_collection


def test_collection_goes_on_after_the_pause():
    with pause_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collection_goes_on_after_an_error():
    with pytest.raises(KeyError), pause_collection():
        raise KeyError
    assert gc.isenabled()


def test_what_was_off_stays_off():
    gc.disable()
    try:
        with pause_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
