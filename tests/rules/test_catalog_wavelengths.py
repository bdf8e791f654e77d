"""What a handpiece emits, as far as its model and its modality tell."""

import pytest

from marketplace.catalog.terms import Emission
from marketplace.catalog.wavelengths import emitted, numbers, read_bands


@pytest.mark.parametrize(
    ("text", "bands"),
    [
        ("", ()),
        ("755;1064", ((755, 755), (1064, 1064))),
        ("400-1200; 694.3 ;", ((400, 1200), (694.3, 694.3))),
        ("100", ((100, 100),)),
        ("20000", ((20000, 20000),)),
    ],
)
def test_reads_lines_and_ranges(text, bands):
    assert read_bands(text) == bands


@pytest.mark.parametrize("text", ["99", "20001", "1200-400", "red", "755-", "755/1064", "nan"])
def test_refuses_what_is_no_wavelength(text):
    with pytest.raises(ValueError):
        read_bands(text)


@pytest.mark.parametrize(
    ("usual", "model_modalities", "model", "bands"),
    [
        (((755, 755),), ["ALEX"], (), ((755, 755),)),
        (((755, 755),), ["ALEX"], ((700, 800),), ((700, 800),)),
        (((755, 755),), ["ALEX", "IPL"], ((755, 755), (400, 1200)), ((755, 755),)),
        (((755, 755),), ["ALEX", "IPL"], ((1064, 1064),), ((755, 755),)),
        (((694, 694),), ["ALEX", "IPL"], ((694.3, 694.3), (696, 696)), ((694.3, 694.3),)),
        (((400, 1200),), ["IPL", "ALEX"], ((755, 755), (500, 950), (1300, 1400)), ((500, 950),)),
    ],
)
def test_the_source_of_the_model_goes_before_the_usual(usual, model_modalities, model, bands):
    assert emitted(modality="ALEX", usual=usual, model_modalities=model_modalities, model=model) == bands


def test_numbers_are_those_people_type():
    assert numbers([(755, 755), (400, 1200), (694.3, 694.3), (400, 755)]) == ["755", "400", "1200", "694"]


def test_what_is_not_light_has_a_name():
    assert {kind: kind.dark for kind in Emission} == {
        Emission.LIGHT: None,
        Emission.RADIO_FREQUENCY: "radio frequency",
        Emission.LIGHT_AND_RADIO_FREQUENCY: "radio frequency",
        Emission.ULTRASOUND: "ultrasound",
        Emission.COLD: "cold",
        Emission.MAGNETIC: "magnetic field",
        Emission.VACUUM: "vacuum",
    }
