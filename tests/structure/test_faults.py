"""Each fault that saved files, machine code and the server are to survive has tests, there under the names given."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Rows of the catalogue of faults: what goes wrong, and the tests that would fail, `[…]` for one of their cases.
FILES: dict[str, list[str]] = {
    "1 cut off at any byte": ["test_damage::test_cut_off_at_any_byte", "test_weights::test_hdf5_cut_off_anywhere"],
    "2 a bit flipped": [
        "test_damage::test_any_bit_flipped",
        "test_damage::test_a_damaged_tensor_is_named",
        "test_fuzz_hdf5::test_a_heap_without_end",
    ],
    "3 a header of 2^63 bytes": [
        "test_damage::test_a_header_of_any_length",
        "test_damage::test_a_header_beyond_the_limit",
    ],
    "4 a million entries, deep JSON": [
        "test_hostile::test_a_million_entries",
        "test_hostile::test_a_million_values",
        "test_hostile::test_headers[deep lists]",
        "test_hostile::test_headers[deep objects]",
        "test_fuzz::test_a_refusal_takes_little_memory",
        "test_fuzz_hdf5::test_what_once_took_too_much[circles]",
    ],
    "5 keys and names twice": [
        "test_hostile::test_headers[a key twice]",
        "test_hostile::test_fields[a name twice]",
        "test_hostile::test_own_header_of_the_blob",
        "test_fuzz_hdf5::test_what_once_took_too_much[the same layer often]",
    ],
    "6 overlapping or holed offsets": [
        f"test_hostile::test_blobs[{what}]" for what in ("overlapping", "holed", "holed at the end", "backwards")
    ],
    "7 shape and span differ, overflow": [
        "test_hostile::test_blobs",
        "test_hostile::test_fields[extents beyond 64 bits]",
    ],
    "8 a tiny file that asks for much": [
        "test_hostile::test_limits",
        "test_hostile::test_fields[a size of many pixels]",
        "test_weights::test_hdf5[a terabyte]",
    ],
    "9 pickles, arrays of objects, .pt": [
        "test_hostile::test_other_formats[pickle]",
        "test_hostile::test_other_formats[pt]",
        "test_weights::test_refused",
        "test_weights::test_hdf5[words]",
    ],
    "10 import names": [
        "test_hostile::test_fields[an unknown host step]",
        "test_hostile::test_fields[a host step by class]",
        "test_hostile::test_fields[an unknown primitive]",
        "test_hostile::test_fields[code]",
    ],
    "11 paths, addresses": [
        "test_hostile::test_nothing_else_is_opened",
        "test_weights::test_hdf5[a link to a file]",
        "test_weights::test_hdf5[an array in another file]",
        "test_weights::test_hdf5[a virtual array]",
        "test_fuzz_hdf5::test_strange_files",
        "test_fuzz_hdf5::test_a_name_that_is_a_path",
        "test_fuzz_hdf5::test_what_once_took_too_much[an unknown filter]",
    ],
    "12 `..`, absolute paths, links in archives": ["test_weights::test_refused"],
    "13 bombs": [
        "test_weights::test_refused[a bomb of HDF5]",
        "test_weights::test_an_archive_of_many_members",
        "test_weights::test_hdf5[large pieces]",
        "test_fuzz_hdf5::test_what_once_took_too_much[a bomb in a piece]",
    ],
    "14 unknown version or type": [
        "test_damage::test_another_version",
        "test_hostile::test_fields[an unknown dtype]",
        "test_hostile::test_fields[a later primitive]",
    ],
    "15 weights of another net": ["test_weights::test_row_15_all_that_does_not_fit_is_listed"],
}
MACHINE_CODE: dict[str, list[str]] = {
    "46 a damaged entry of the cache": [
        "test_cache::test_every_byte_counts",
        "test_cache::test_an_entry_under_another_name",
        "test_cache::test_a_damaged_entry_is_told_once_and_mended",
        "test_cache::test_what_is_no_file",
        "test_native::test_what_is_no_object_does_not_crash",
        "test_native::test_an_object_cut_off_does_not_crash",
    ],
    "47 several that write at once": ["test_cache::test_many_processes_at_once", "test_cache::test_a_full_disk"],
    "48 entries of another processor or LLVM": [
        "test_cache::test_the_key_has_all_that_code_depends_on",
        "test_cache::test_entries_of_another_processor_are_not_used",
        "test_host::test_whole_registers_are_used",
    ],
    "49 a folder that cannot be, or is somebody else's": [
        "test_cache::test_folder_and_entries_are_private",
        "test_cache::test_a_folder_that_cannot_be",
        "test_cache::test_a_folder_of_nobody",
        "test_cache::test_a_usual_folder_that_cannot_be_is_passed_over",
        "test_cache::test_a_folder_of_somebody_else",
        "test_cache::test_a_folder_that_others_may_write_to",
        "test_cache::test_an_entry_of_somebody_else",
    ],
    "50 a processor without AVX-512, or without AVX": [
        "test_host::test_a_lower_one",
        "test_host::test_a_processor_with_less",
    ],
    "51 a text that LLVM refuses": [
        "test_native::test_a_text_that_llvm_refuses",
        "test_native::test_refused_texts_that_the_collector_finds_do_not_crash",
        "test_native::test_a_name_that_the_text_has_not",
    ],
    "52 fork after threads": [
        "test_threads::test_fork_after_threads",
        "test_threads::test_forks_while_other_threads_compile_and_run",
    ],
}
COMPILED: dict[str, list[str]] = {
    "53 several threads at once": [
        "test_several::test_threads_that_call_first_at_once_make_one_program",
        "test_several::test_threads_run_one_program_each_in_memory_of_its_own",
        "test_several::test_threads_that_donate_have_states_of_their_own",
        "test_several::test_an_array_that_another_thread_gives_away_meanwhile",
    ],
}
SERVER: dict[str, list[str]] = {
    "63 a body too large": [
        "test_limits::test_a_long_body_is_refused_by_its_length",
        "test_limits::test_a_long_body_in_chunks_is_refused_on_the_way",
        "test_limits::test_forms_and_compressed_bodies_are_not_decoded",
        "test_limits::test_a_picture_of_many_pixels_is_refused_by_its_header",
    ],
    "64 malformed forms, JSON and heads; tiny chunks": [
        "test_limits::test_malformed_bodies",
        "test_limits::test_json_of_other_shapes_and_numbers",
        "test_limits::test_heads",
        "test_limits::test_a_body_in_tiny_chunks_is_refused",
        "test_schema::test_schemathesis_finds_nothing",
        "test_inference_v2::test_whatever_comes_is_read_or_refused",
    ],
    "65 what drips": [
        "test_limits::test_what_drips_has_a_deadline",
        "test_limits::test_many_slow_clients_hold_nobody_up",
        "test_across::test_bodies_that_do_not_arrive_take_nobodys_place",
    ],
    "66 floods": [
        "test_load::test_a_flood_is_refused_with_a_word_when_to_come_back",
        "test_load::test_a_refusal_says_when",
        "test_batcher::test_a_full_queue_refuses_and_goes_on",
    ],
    "67 clients that leave": ["test_load::test_nobody_computes_for_those_who_left"],
    "68 reload under load, a bad model": [
        "test_life::test_reload_without_a_failed_request",
        "test_across::test_a_body_that_arrives_across_a_reload_is_answered",
        "test_room::test_a_good_file_that_had_no_room_is_tried_again",
    ],
    "69 one bad picture in a batch": ["test_load::test_one_bad_picture_fails_alone"],
    "70 the death of a worker": [
        "test_life::test_a_worker_dies",
        "test_life::test_a_worker_that_dies_while_nobody_asks",
        "test_plain::test_a_mistake_in_a_process_that_computes_is_told",
    ],
    "71 names, paths, hosts and origins": [
        "test_page::test_hostile_names_are_only_text",
        "test_page::test_what_the_page_may_do",
        "test_limits::test_heads",
        "test_limits::test_only_this_machine_reaches_it",
        "test_plain::test_an_origin_that_does_not_read",
    ],
    "72 told to stop": ["test_life::test_told_to_stop"],
}
BY_FOLDER = (("files", FILES), ("target", MACHINE_CODE), ("compiler", COMPILED), ("server", SERVER))
ALL = [(folder, row, name) for folder, rows in BY_FOLDER for row in rows for name in rows[row]]


@cache
def source(folder: str, file: str) -> tuple[str, frozenset[str]]:
    """A file of tests ↦ its text, and the functions in it."""
    text = (TESTS / folder / f"{file}.py").read_text(encoding="utf-8")
    return text, frozenset(one.name for one in ast.parse(text).body if isinstance(one, ast.FunctionDef))


@pytest.mark.parametrize(("folder", "row", "name"), ALL)
def test_it_is_there(folder: str, row: str, name: str) -> None:
    file, _, test = name.partition("::")
    function, _, case = test.partition("[")
    text, functions = source(folder, file)
    assert function in functions, row
    assert not case or f'"{case.rstrip("]")}": ' in text, row


def test_no_row_is_left_out() -> None:
    numbers = [int(row.split()[0]) for _, rows in BY_FOLDER for row in rows]
    assert numbers == [*range(1, 16), *range(46, 54), *range(63, 73)]
