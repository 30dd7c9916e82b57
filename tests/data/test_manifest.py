"""The source `manifest`: a table that lists images."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


class TestManifest:
    @pytest.fixture
    def table(self, classes: Path) -> pd.DataFrame:
        names = sorted(p.relative_to(classes).as_posix() for p in classes.rglob("*.png"))
        return pd.DataFrame({"path": names, "label": [name.split("/")[0] for name in names], "more": 1})

    @pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
    def test_tables(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, ending: str) -> None:
        path = classes / f"table{ending}"
        if ending == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
        got = run({"name": "manifest", "path": str(path)})
        assert list(got.store.items["id"]) == list(table["path"])
        assert got.store.classes == ("cat", "dog")

    def test_root_split_group_and_mask(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        table["split"] = ["test"] * 5 + [""] * 15
        table["group"] = ["p"] * 5 + ["q"] * 6 + [""] * 9
        table["mask"] = [table["path"][1], *[""] * 19]
        table.to_csv(tmp_path / "elsewhere.csv", index=False)
        got = run({"name": "manifest", "path": str(tmp_path / "elsewhere.csv"), "root": str(classes)})
        items = got.store.items
        assert set(items["split"][:5]) == {"test"}
        assert "test" not in set(items["split"][5:])
        assert items["split"][5:11].nunique() == 1
        assert items["group"].nunique() == 2 + 9
        assert items["group_name"].dropna().tolist() == ["p"] * 5 + ["q"] * 6
        assert got.card["masks"] == 1

    def test_a_class_may_be_called_na_and_a_label_be_missing(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame
    ) -> None:
        table["label"] = ["NA"] * 10 + ["null"] * 9 + [""]
        table.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.store.classes == ("NA", "null")
        assert got.card["unlabeled"] == 1
        assert got.store.labels[-1] == -1

    def test_missing_files_and_double_rows(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame) -> None:
        rows = pd.concat([table, table.iloc[:1], pd.DataFrame({"path": ["gone.png", ""], "label": ["cat", "cat"]})])
        rows.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.card["images"] == 21
        assert got.card["duplicates"] == 1
        assert got.by_id["cat/01.png#2"]["group"] == got.by_id["cat/01.png"]["group"]
        assert got.excluded == {"gone.png": "cannot be read: No such file or directory", "table.csv row 24": "no path"}

    @pytest.mark.parametrize("ending", [".csv", ".parquet"])
    def test_labels_are_stripped_and_numbers_stay_whole(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, ending: str
    ) -> None:
        def classes_of(labels: list[Any]) -> tuple[Any, Any]:
            table["label"] = labels
            path = classes / f"table{ending}"
            table.to_parquet(path) if ending == ".parquet" else table.to_csv(path, index=False)
            got = run({"name": "manifest", "path": str(path)}, to=f"{len(list(classes.parent.iterdir()))}")
            return got.store.classes, got.card["unlabeled"]

        assert classes_of(["cat", " cat", "cat ", " "] * 5) == (("cat",), 5)
        assert classes_of([1, 2, 10, 2] * 4 + [1, 2, 10, None]) == (("1", "2", "10"), 1)
        assert classes_of([0.5, 1.0, 2.0, 2.0] * 5) == (("0.5", "1.0", "2.0"), 0)

    def test_a_space_behind_a_comma_is_no_part_of_a_cell(self, run: Callable[..., Any], classes: Path) -> None:
        (classes / "table.csv").write_text("path, label\ncat/01.png, cat\ncat/03.png,  cat\n dog/00.png, dog\n")
        assert run({"name": "manifest", "path": str(classes / "table.csv")}).card["images"] == 3

    def test_backslashes_get_a_hint(self, run: Callable[..., Any], classes: Path) -> None:
        (classes / "table.csv").write_text("path,label\ncat\\01.png,cat\n")
        with pytest.raises(
            ValueError, match=r"row 2: there is no cat\\01\.png, but there is cat/01\.png; separate folders"
        ):
            run({"name": "manifest", "path": str(classes / "table.csv")})

    def test_rows_and_images_left_out_are_warned_of(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame
    ) -> None:
        (classes / "cat/05.png").write_bytes((classes / "cat/05.png").read_bytes()[:50])
        rows = pd.concat([table, pd.DataFrame({"path": ["gone.png", ""], "label": ["cat", "cat"]})])
        rows.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.warned("rows of the table left out, listed in excluded.csv: 1")
        assert got.warned('images that cannot be used, listed in excluded.csv: 2: "cat/05.png", "gone.png"')

    def test_in_an_archive_paths_stay_inside(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        outside = shutil.copy(classes / "cat/01.png", tmp_path / "outside.png")
        more = pd.DataFrame({"path": [str(outside), "../../../../outside.png"], "label": "cat"})
        pd.concat([table, more]).to_csv(classes / "table.csv", index=False)
        archive = shutil.make_archive(str(tmp_path / "archive"), "zip", classes.parent, "set")
        got = run({"name": "manifest", "path": archive})
        assert got.card["images"] == 20
        assert len(got.excluded) == 2
        assert all("leads out of the archive" in reason for reason in got.excluded.values())

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("file,label\na,b\n", "has the columns file, label; expected path, label"),
            ("path,red,blue\na,0,1\n", "name their columns in data.source.labels or data.source.numbers"),
            (
                "path,label,split\na,b,tset\n",
                'row 2: split "tset"; expected train, val, test or nothing. Did you mean "test"',
            ),
            ("", "cannot be read as a table"),
            ("path;label\na;b\n", "separated by semicolons; a .csv file needs commas"),
            ("path;label;x\na,1;b;c\nd,e,f;g;h\n", "separated by semicolons"),
            ("path\tlabel\na\tb\n", "separated by tabs"),
            ('path,label\n"a,b\n', "cannot be read as a table"),
        ],
    )
    def test_wrong_tables_say_so(self, run: Callable[..., Any], tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(ValueError, match=r"data\.source\.path") as caught:
            run({"name": "manifest", "path": str(tmp_path / "table.csv")})
        assert message in str(caught.value)

    def test_missing_root_names_its_key(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame) -> None:
        table.to_csv(classes / "table.csv", index=False)
        with pytest.raises(ValueError, match=r"data\.source\.root: there is no"):
            run({"name": "manifest", "path": str(classes / "table.csv"), "root": "nowhere"})
