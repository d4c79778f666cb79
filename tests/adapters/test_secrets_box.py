from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.adapters.secrets_box import AesSecretsBox, load_master_key
from jobforge.core.errors import SettingInvalid

ACME = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")
KEY, NEW_KEY = b"k" * 32, b"n" * 40
SETTINGS = {"url": "postgresql://me:hunter2@db.example/app", "sslmode": "verify-full"}


@pytest.fixture
def box() -> AesSecretsBox:
    return AesSecretsBox(KEY)


def test_what_was_sealed_opens_for_its_tenant_and_name(box: AesSecretsBox) -> None:
    sealed = box.seal(SETTINGS, tenant_id=ACME, name="reporting")

    assert box.open(sealed, tenant_id=ACME, name="reporting") == SETTINGS
    assert b"hunter2" not in sealed


def test_a_row_moved_to_another_tenant_or_name_does_not_open(box: AesSecretsBox) -> None:
    sealed = box.seal(SETTINGS, tenant_id=ACME, name="reporting")

    with pytest.raises(SettingInvalid, match="not of this tenant"):
        box.open(sealed, tenant_id=OTHER, name="reporting")
    with pytest.raises(SettingInvalid, match="not of this tenant"):
        box.open(sealed, tenant_id=ACME, name="other")


def test_every_changed_bit_is_noticed(box: AesSecretsBox) -> None:
    sealed = box.seal({"url": "u"}, tenant_id=ACME, name="n")

    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SettingInvalid):
            box.open(bytes(changed), tenant_id=ACME, name="n")


def test_every_shortened_value_is_noticed(box: AesSecretsBox) -> None:
    sealed = box.seal({"url": "u"}, tenant_id=ACME, name="n")

    for length in range(len(sealed)):
        with pytest.raises(SettingInvalid):
            box.open(sealed[:length], tenant_id=ACME, name="n")


def test_the_same_settings_never_look_the_same(box: AesSecretsBox) -> None:
    sealed = {box.seal(SETTINGS, tenant_id=ACME, name="n") for _ in range(20)}

    assert len(sealed) == 20


def test_after_a_rotation_old_values_open_with_the_previous_key_only() -> None:
    sealed = AesSecretsBox(KEY).seal(SETTINGS, tenant_id=ACME, name="n")
    rotated = AesSecretsBox(NEW_KEY, previous=[KEY])

    assert rotated.open(sealed, tenant_id=ACME, name="n") == SETTINGS
    with pytest.raises(SettingInvalid, match="another master key"):
        AesSecretsBox(NEW_KEY).open(sealed, tenant_id=ACME, name="n")


def test_after_a_rotation_new_values_need_the_new_key() -> None:
    sealed = AesSecretsBox(NEW_KEY, previous=[KEY]).seal(SETTINGS, tenant_id=ACME, name="n")

    assert AesSecretsBox(NEW_KEY).open(sealed, tenant_id=ACME, name="n") == SETTINGS
    with pytest.raises(SettingInvalid, match="another master key"):
        AesSecretsBox(KEY).open(sealed, tenant_id=ACME, name="n")


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="32 bytes"):
        AesSecretsBox(b"k" * 31)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.text())
def test_any_settings_and_any_name_open_again(settings: dict[str, object], name: str) -> None:
    box = AesSecretsBox(KEY)

    assert box.open(box.seal(settings, tenant_id=ACME, name=name), tenant_id=ACME, name=name) == (
        settings
    )


def test_the_setting_is_the_key_and_no_file_is_made(tmp_path: Path) -> None:
    assert load_master_key("s" * 32, tmp_path / "home") == b"s" * 32
    assert not (tmp_path / "home").exists()


def test_an_unset_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"

    first, again = load_master_key(None, home), load_master_key(None, home)

    assert first == again
    assert len(bytes.fromhex(first.decode())) == 32
    assert [path.name for path in home.iterdir()] == ["master.key"]
    assert stat.S_IMODE((home / "master.key").stat().st_mode) == 0o600


def test_two_homes_have_two_keys(tmp_path: Path) -> None:
    assert load_master_key(None, tmp_path / "a") != load_master_key(None, tmp_path / "b")


def test_all_who_start_at_once_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: load_master_key(None, tmp_path / "home"), range(64)))

    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    load_master_key(None, tmp_path)
    (tmp_path / "master.key").chmod(mode)

    with pytest.raises(SettingInvalid, match="owner only"):
        load_master_key(None, tmp_path)


def test_a_short_or_linked_key_file_is_refused(tmp_path: Path) -> None:
    key_file = tmp_path / "master.key"
    key_file.write_text("short")
    key_file.chmod(0o600)
    with pytest.raises(SettingInvalid, match="shorter than 32"):
        load_master_key(None, tmp_path)

    key_file.rename(tmp_path / "elsewhere")
    key_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingInvalid, match="cannot read"):
        load_master_key(None, tmp_path)
