from lathe.techniques.quantize.excluded import matching

IDS = ("conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv2.weight", "a[0]", "a0", "*")


def test_an_id_means_itself_and_a_star_any_characters() -> None:
    assert matching("conv1.weight", IDS) == ("conv1.weight",)
    assert matching("layer1.*", IDS) == ("layer1.0.conv1.weight", "layer1.1.conv2.weight")
    assert matching("*conv1.weight", IDS) == ("conv1.weight", "layer1.0.conv1.weight")


def test_all_other_characters_mean_themselves() -> None:
    assert matching("*[0]", IDS) == ("a[0]",)
    assert matching("a?*", IDS) == ()
    assert matching("*", IDS) == ("*",)


def test_nothing_is_meant_by_part_of_an_id() -> None:
    assert matching("conv1", IDS) == ()
    assert matching("Layer1.*", IDS) == ()
