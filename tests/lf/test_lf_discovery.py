"""Finding labeling functions in files, folders, modules, the shipped ones and plug-ins."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest
from made_files import ONE, working_folder, write

from weaklabel.errors import DiscoveryError, UnknownNameError
from weaklabel.lf import catalogue, load_lfs
from weaklabel.lf.discovery import load_spec, locate
from weaklabel.lf.sources.files import load_object
from weaklabel.types import Pair


def names(*sources: object) -> list[str]:
    return [lf.name for lf in load_lfs(*sources)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    with working_folder(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def shipped(here, monkeypatch):
    """Two shipped families and a preset, in place of the real ones."""
    folder = here / "shipped"
    write(folder / "size.py", name="characters")
    write(folder / "tone.py", name="thanks")
    write(folder / "_private.py", "raise RuntimeError('not for loading')")
    (folder / "presets.toml").write_text(
        '[small]\nlfs = [{ use = "size.characters", name = "length", min_gap = 20 }]\n'
    )
    for module in ("modules", "sources.shipped"):
        monkeypatch.setattr(f"weaklabel.lf.{module}.shipped_folder", lambda: folder)
    return folder


# -------------------------------------------------------------------------------------------- files, folders


def test_a_file_gives_its_functions_with_family_and_spec(here):
    write(here / "lfs/style.py", name="longer")
    (lf,) = load_lfs("lfs/style.py")
    assert (lf.name, lf.family, lf.spec) == ("longer", "style", "lfs/style.py::longer")
    assert lf(Pair("1", "?", "a", "bb")) == 1


def test_a_spec_leads_back_to_the_function(here):
    write(here / "lfs/style.py", name="longer")
    (lf,) = load_lfs("lfs/")
    assert load_spec(lf.spec) == lf
    assert load_lfs(lf.spec) == [lf]


def test_a_file_can_be_asked_for_one_function(here):
    write(here / "style.py", ONE + ONE.replace("{name}", "other"), name="longer")
    assert names("style.py:other") == ["other"]


def test_a_folder_is_read_in_sorted_order_without_names_that_start_with_an_underscore(here):
    for stem in ("b", "a", "c"):
        write(here / f"lfs/{stem}.py", name=f"in_{stem}")
    write(here / "lfs/_skipped.py", "raise RuntimeError")
    assert names(here / "lfs") == ["in_a", "in_b", "in_c"]


def test_lists_and_tuples_are_looked_into_and_plain_functions_are_not(here):
    text = """
        from weaklabel.lf import keyword_scorer, labeling_function

        def helper(pair):
            return 0

        LFS = [keyword_scorer("rude", ["idiot"]), keyword_scorer("thanks", ["thank you"], prefer="more")]
        AGAIN = (LFS[0],)
    """
    write(here / "words.py", text)
    assert names("words.py") == ["rude", "thanks"]
    assert names("words.py:LFS") == ["rude", "thanks"]
    assert [lf.family for lf in load_lfs("words.py")] == ["words", "words"]


def test_the_same_function_by_two_ways_is_one(here):
    write(here / "lfs/style.py", name="longer")
    assert names("lfs/", "lfs/style.py") == ["longer"]


def test_two_functions_of_one_name_are_an_error_that_names_both_origins(here):
    write(here / "lfs/a.py", name="longer")
    write(here / "lfs/b.py", name="longer")
    with pytest.raises(
        DiscoveryError, match=r"named 'longer': lfs/a.py::longer and lfs/b.py::longer. Rename"
    ):
        load_lfs("lfs/")


def test_a_name_that_no_spec_could_hold_is_refused(here):
    write(here / "odd.py", ONE.replace("@response_scorer", "@response_scorer(name='a::b')"), name="odd")
    with pytest.raises(DiscoveryError, match=r"odd.py: 'a::b' holds '::'"):
        load_lfs("odd.py")


def test_a_syntax_error_names_file_line_and_message_of_every_broken_file(here):
    write(here / "lfs/good.py", name="longer")
    write(here / "lfs/bad.py", "x = 1\ndef f(:\n    pass\n")
    write(here / "lfs/worse.py", "\n\nimport no_such_package_here\n")
    with pytest.raises(DiscoveryError) as caught:
        load_lfs("lfs/")
    assert "bad.py:2: SyntaxError: invalid syntax" in str(caught.value)
    assert "worse.py:3: ModuleNotFoundError: No module named 'no_such_package_here'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_files_of_all_sources_are_named_at_once(here):
    write(here / "a.py", "1 +")
    write(here / "b.py", "2 +")
    with pytest.raises(DiscoveryError, match=r"a\.py:1: .*b\.py:1: "):
        load_lfs("a.py", "b.py")


def test_a_file_that_ends_the_program_is_an_error(here):
    write(here / "quits.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(DiscoveryError, match=r"quits.py:2: SystemExit: 3"):
        load_lfs("quits.py")


def test_a_broken_file_that_was_repaired_loads(here):
    path = write(here / "style.py", "1 +")
    with pytest.raises(DiscoveryError):
        load_lfs("style.py")
    write(path, name="longer")
    assert names("style.py") == ["longer"]


def test_a_file_without_functions_is_an_error(here):
    write(here / "plain.py", "def longer(response):\n    return len(response)\n")
    with pytest.raises(
        DiscoveryError, match=r"plain.py holds no labeling function.*a plain function is none"
    ):
        load_lfs("plain.py")


def test_a_folder_without_functions_is_an_error(here):
    write(here / "lfs/plain.py", "x = 1")
    with pytest.raises(DiscoveryError, match=r"lfs/ holds no labeling function in any .py file"):
        load_lfs("lfs")


@pytest.mark.parametrize("source", ["missing/", "missing", "no such:thing"])
def test_a_source_that_does_not_exist_says_what_a_source_is(here, source):
    with pytest.raises(DiscoveryError, match=r"there is no folder or file.*A source is a folder, file.py"):
        load_lfs(source)


def test_a_missing_file_is_named(here):
    with pytest.raises(DiscoveryError, match=r"missing.py: No such file or directory"):
        load_lfs("missing.py")


def test_an_unknown_name_in_a_file_is_guessed_at(here):
    write(here / "style.py", name="longer")
    with pytest.raises(UnknownNameError, match=r"no object in style.py 'loner'. .*Did you mean 'longer'"):
        load_lfs("style.py:loner")


def test_an_object_that_is_no_labeling_function_is_refused(here):
    write(here / "style.py", ONE + "\n    LIMIT = 3\n", name="longer")
    with pytest.raises(DiscoveryError, match=r"style.py: 'LIMIT' is int, not a labeling function"):
        load_lfs("style.py:LIMIT")


def test_an_edited_file_is_loaded_anew_and_an_unchanged_one_is_not(here):
    path = write(here / "style.py", name="longer")
    first, again = load_lfs("style.py"), load_lfs("style.py")
    assert first[0].fn is again[0].fn
    write(path, name="much_longer")
    assert names("style.py") == ["much_longer"]


# ------------------------------------------------------------------------------------------------- helpers


def test_a_file_can_import_its_neighbours_and_owns_nothing_of_theirs(here):
    write(here / "lfs/helpers.py", ONE + "\n    LIMIT = 3\n", name="basic")
    write(
        here / "lfs/a.py",
        "from helpers import LIMIT, basic\nimport helpers\n" + dedent(ONE.format(name="mine")),
    )
    assert [(lf.name, lf.family) for lf in load_lfs("lfs/")] == [("mine", "a"), ("basic", "helpers")]
    assert "helpers" not in sys.modules


def test_neighbours_of_one_name_in_two_folders_do_not_meet(here):
    for folder, words in (("one", "x"), ("two", "xx")):
        write(here / folder / "helpers.py", f"WORD = {words!r}\n")
        text = "def {name}(response):\n        import helpers\n        return response.count(helpers.WORD)"
        write(here / folder / "use.py", ONE.split("    def")[0] + "    " + text, name=f"from_{folder}")
    one, two = load_lfs("one/", "two/")
    assert (one.score("xxxx"), two.score("xxxx")) == (4, 2)


def test_an_installed_package_is_not_hidden_from_a_file_of_its_name(here):
    write(
        here / "lfs/numpy.py",
        "import numpy\n" + dedent(ONE.format(name="n")) + "\nassert numpy.array([1]).sum() == 1\n",
    )
    assert names("lfs/") == ["n"]


def test_the_standard_library_is_not_hidden_by_a_file_of_its_name(here):
    write(here / "lfs/numbers.py", name="n")
    write(
        here / "lfs/use.py", "import numbers\n" + dedent(ONE.format(name="m")) + "\nassert numbers.Number\n"
    )
    assert names("lfs/") == ["n", "m"]


def test_a_broken_neighbour_is_named(here):
    write(here / "lfs/_helpers.py", "1 +")
    write(here / "lfs/use.py", "import _helpers\n" + dedent(ONE.format(name="m")))
    with pytest.raises(DiscoveryError, match=r"_helpers.py:1: SyntaxError"):
        load_lfs("lfs/")


def test_an_edited_neighbour_reaches_those_who_import_it(here):
    helper = write(here / "lfs/_helpers.py", "LIMIT = 1\n")
    text = "from _helpers import LIMIT\n" + dedent(ONE.format(name="m")).replace("len(response)", "LIMIT")
    write(here / "lfs/use.py", text)
    assert load_lfs("lfs/")[0].score("") == 1
    write(helper, "LIMIT = 22\n")
    assert load_lfs("lfs/")[0].score("") == 22


# -------------------------------------------------------------------------------------------------- modules


def test_an_object_of_a_module_in_the_working_folder_is_found(here):
    write(here / "my_lfs_module.py", ONE + "\n    LFS = [{name}]\n", name="longer")
    (lf,) = load_lfs("my_lfs_module:LFS")
    assert (lf.family, lf.spec) == ("my_lfs_module", "my_lfs_module:LFS::longer")


def test_a_module_that_does_not_import_is_an_error_with_its_cause(here):
    with pytest.raises(DiscoveryError, match="importing 'no_such_module' failed: ModuleNotFoundError"):
        load_lfs("no_such_module:LFS")


def test_a_function_of_an_imported_module_is_located(here):
    write(here / "imported_lfs.py", name="longer")
    sys.path.append(str(here))
    import imported_lfs  # type: ignore[import-not-found]

    assert locate(imported_lfs.longer).spec == "imported_lfs:longer::longer"
    assert locate(imported_lfs.longer.with_settings(min_gap=3)).spec is None


def test_any_object_can_be_loaded(here):
    write(here / "old.py", "LFS = [1, 2]\n")
    assert load_object("old.py:LFS") == [1, 2]
    assert load_object("old:LFS") == [1, 2]
    with pytest.raises(UnknownNameError, match="Did you mean 'LFS'"):
        load_object("old.py:LF")


# -------------------------------------------------------------------------------------------------- shipped


def test_shipped_families_functions_and_presets_load_by_name(shipped):
    assert names("shipped") == ["characters", "thanks"]
    assert names("shipped:tone") == names("shipped:tone.thanks") == ["thanks"]
    (preset,) = load_lfs("shipped:small")
    assert (preset.name, preset.min_gap, preset.family) == ("length", 20, "size")
    assert load_spec(preset.spec) == preset


def test_shipped_modules_have_a_name_without_a_path(shipped):
    assert load_lfs("shipped:tone")[0].fn.__module__ == "weaklabel.shipped.tone"


@pytest.mark.parametrize("name", ["shipped:smal", "shipped:tine", "shipped:tone.thank"])
def test_an_unknown_shipped_name_is_guessed_at(shipped, name):
    with pytest.raises(UnknownNameError, match="Did you mean"):
        load_lfs(name)


def test_a_preset_with_a_misspelt_setting_is_refused(shipped):
    (shipped / "presets.toml").write_text('[small]\nlfs = [{ use = "size.characters", mingap = 2 }]\n')
    with pytest.raises(DiscoveryError, match=r"preset 'small': .*has keys other than"):
        load_lfs("shipped:small")


def test_the_catalogue_lists_families_presets_and_given_sources(shipped, here):
    write(here / "mine.py", name="longer")
    lines = [tuple(entry) for entry in catalogue("mine.py")]
    assert ("shipped:size.characters", "size", "characters", "Counts characters.") in lines
    assert ("shipped:small", "size", "length", "Counts characters.") in lines
    assert ("mine.py", "mine", "longer", "Counts characters.") in lines


def test_a_family_about_one_subject_is_listed_and_comes_by_name_alone():
    family = names("shipped:mathematics")
    assert "wrong_calculations" in family
    assert not set(family) & set(names("shipped"))
    assert {entry.name for entry in catalogue() if entry.family == "mathematics"} == set(family)


def test_every_shipped_function_and_preset_comes_back_from_its_spec():
    presets = {entry.source for entry in catalogue() if entry.source.startswith("shipped:")}
    for source in presets:
        for lf in load_lfs(source):
            assert load_spec(lf.spec) == lf


# ------------------------------------------------------------------------------------------------- plug-ins


@pytest.fixture
def plug_in(here):
    """A package with an entry point, as an installer would leave it on `sys.path`."""
    site = here / "site"
    write(site / "acme_lfs/__init__.py", ONE + "\n    LFS = [{name}]\n", name="acme_longer")
    write(site / "acme_lfs/broken.py", "import no_such_package_here\n")
    write(site / "acme_lfs-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-lfs\nVersion: 1.0\n")
    points = """
        [weaklabel.labeling_functions]
        acme = acme_lfs:LFS
        broken = acme_lfs.broken:LFS
        odd = acme_lfs:__name__
    """
    write(site / "acme_lfs-1.0.dist-info/entry_points.txt", points)
    sys.path.insert(0, str(site))


def test_a_plug_in_is_loaded_when_asked_for_by_name(plug_in):
    (lf,) = load_lfs("entry:acme")
    assert (lf.name, lf.family, lf.spec) == ("acme_longer", "acme_lfs", "entry:acme::acme_longer")
    assert load_spec(lf.spec) == lf


def test_the_catalogue_names_plug_ins_and_loads_none(plug_in):
    entries = {entry.source: entry.doc for entry in catalogue()}
    assert entries["entry:acme"] == "plug-in acme_lfs:LFS, not loaded"
    assert "acme_lfs" not in sys.modules


def test_a_plug_in_that_does_not_import_is_an_error_with_its_cause(plug_in):
    with pytest.raises(
        DiscoveryError, match=r"entry:broken \(acme_lfs.broken:LFS, from acme-lfs\) does not load: Mod"
    ):
        load_lfs("entry:broken")


def test_a_plug_in_that_holds_something_else_is_refused(plug_in):
    with pytest.raises(DiscoveryError, match="is str, not a labeling function"):
        load_lfs("entry:odd")


def test_an_unknown_plug_in_is_guessed_at(plug_in):
    with pytest.raises(UnknownNameError, match=r"no plug-in .*'acne'.*Did you mean 'acme'"):
        load_lfs("entry:acne")
