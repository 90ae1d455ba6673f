"""One test body for every transport: results equal golden bit by bit, whatever is behind the interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import BadData, DoesNotFit, IllegalGraph, MalformedFile, UnknownName, WrongDevice
from host import Accelerator, DeviceError, Ticket, TransportError, golden
from host.tests.devices import Case, Opener, branches, chain, every_transport, fashion, on_simulator
from rtl.lib.registers import Error


@every_transport
@pytest.mark.parametrize("config", ["tiny", "small"])
def test_a_network_gives_goldens_outputs(opened: Opener, config: str) -> None:
    case = fashion(config)
    images = case.inputs(2)
    with Accelerator(opened(case)) as device:
        device.configure(case.program)
        logits = device.infer(images["image"])
    assert np.array_equal(logits, case.expected(images)["logits"])
    assert logits.dtype == np.int8 and len(np.unique(logits)) > 5


@every_transport
def test_step_by_step(opened: Opener, tmp_path: Path) -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    images = case.inputs(4)
    expected = case.expected(images)[wanted]
    case.program.save(tmp_path / "chain.program")
    with Accelerator(opened(case)) as device:
        device.configure(tmp_path / "chain.program")
        assert device.program == case.program
        device.write(given, images[given])
        images[given][:] = 0  # was copied
        ticket = device.run(3)
        device.wait(ticket)
        assert np.array_equal(device.read(wanted), expected[:3])
        device.wait()
        assert np.array_equal(device.read(wanted, ticket), expected[:3])
        device.run()
        device.wait()
        assert np.array_equal(device.read(wanted), expected)


@every_transport
def test_requests_queue_behind_the_running_one(opened: Opener) -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    with Accelerator(opened(case)) as device:
        device.configure(case.program)
        tickets, expected = [], []
        for number in range(3):
            images = case.inputs(2 + number, seed=number)
            device.write(given, images[given])
            tickets.append(device.run())
            expected.append(case.expected(images)[wanted])
        assert device.registers()["STATUS"] & 0b1011 == 0b1011  # configured, busy, queue full
        with pytest.raises(BadData, match="3 requests are unfinished"):
            device.run()
        with pytest.raises(BadData, match="wait\\(\\)"):
            device.infer(images[given])
        device.wait(tickets[1])
        for ticket, outputs in zip(tickets[:2], expected[:2], strict=True):
            assert np.array_equal(device.read(wanted, ticket), outputs)
        device.wait()
        assert np.array_equal(device.read(wanted), expected[2])
        made = device.profile()
    nominal = sum(layer.macs for layer in case.program.layers)
    assert made.images == 2 + 3 + 4 and made.macs == made.images * nominal
    assert made.counters["MACS"] + made.counters["MACS_SKIPPED"] == made.macs


@every_transport
def test_several_inputs_and_outputs(opened: Opener) -> None:
    case = branches()
    images = case.inputs(3)
    first, second = case.graph.inputs
    with Accelerator(opened(case)) as device:
        device.configure(case.program)
        outputs = device.infer(images)
        assert device.profile().images == 3
        with pytest.raises(BadData, match="2 inputs and 2 outputs: infer\\(\\) needs a mapping"):
            device.infer(images[first])
        with pytest.raises(BadData, match="\\[1, 3\\] images"):
            device.infer({first: images[first], second: images[second][:1]})
        device.write(first, images[first][:1])
        with pytest.raises(BadData, match="different numbers of images"):
            device.run()
    expected = case.expected(images)
    assert set(outputs) == set(case.graph.outputs)
    for name, values in expected.items():
        assert np.array_equal(outputs[name], values)


@every_transport
def test_a_foreign_program_is_refused_before_it_is_loaded(opened: Opener) -> None:
    case = chain()
    with Accelerator(opened(case)) as device:
        with pytest.raises(WrongDevice, match=r"compiled for systolic small .*CONFIG_HASH"):
            device.configure(chain("small").program)
        with pytest.raises(BadData, match="configure\\(\\) it first"):
            device.run()


@every_transport
def test_an_error_of_the_device_ends_in_configure(opened: Opener) -> None:
    """The header in the device image belongs to another configuration, which only the device can see."""
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    wrong = replace(case.program, image=chain("small").program.image)
    images = case.inputs(1)
    with Accelerator(opened(case)) as device:
        with pytest.raises(DeviceError, match="CONFIG_MISMATCH") as caught:
            device.configure(wrong)
        assert caught.value.code == Error.CONFIG_MISMATCH
        assert device.registers()["ERROR"] == Error.CONFIG_MISMATCH
        device.configure(case.program)
        assert np.array_equal(device.infer(images[given]), case.expected(images)[wanted])


@every_transport
def test_bad_arguments_are_one_clear_error(opened: Opener) -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    images = case.inputs(2)[given]
    with Accelerator(opened(case)) as device:
        for unconfigured in (device.run, device.wait, device.profile, lambda: device.program):
            with pytest.raises(BadData, match="no program"):
                unconfigured()
        device.configure(case.program)
        for wrong in (images[0], images.astype(np.float32), images[:, 1:], np.zeros((), np.int8)):
            with pytest.raises(BadData, match="needed int8"):
                device.write(given, wrong)
        with pytest.raises(BadData, match="0 images"):
            device.write(given, images[:0])
        with pytest.raises(BadData, match="above zero"):
            device.infer(images[:0])
        with pytest.raises(UnknownName, match=f"no input 'other': there are {given}"):
            device.write("other", images)
        with pytest.raises(BadData, match=f"nothing was written to input '{given}'"):
            device.run()
        device.write(given, images)
        for count in (0, -1, 3):
            with pytest.raises(BadData, match=f"count is {count}, needed 1 to 2"):
                device.run(count)
        with pytest.raises(BadData, match="before read"):
            device.read(wanted)
        with pytest.raises(BadData, match="nothing to profile"):
            device.profile()
        with pytest.raises(BadData, match="request 7 is none"):
            device.wait(Ticket(7, 1))
        device.run()
        with pytest.raises(BadData, match="before configure"):
            device.configure(case.program)
        with pytest.raises(BadData, match="before read"):
            device.read(wanted)
        device.wait()
        with pytest.raises(UnknownName, match=f"no output 'other': there are {wanted}"):
            device.read("other")


@every_transport
def test_results_stay_until_the_fourth_run_after_their_own(opened: Opener) -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    with Accelerator(opened(case)) as device:
        device.configure(case.program)
        tickets, expected = [], []
        for number in range(5):
            images = case.inputs(1, seed=number)
            device.write(given, images[given])
            tickets.append(device.run())
            device.wait()
            expected.append(case.expected(images)[wanted])
        for ticket, outputs in zip(tickets[1:], expected[1:], strict=True):
            assert np.array_equal(device.read(wanted, ticket), outputs)
        with pytest.raises(BadData, match="request 0 have been overwritten"):
            device.read(wanted, tickets[0])
        device.configure(case.program)
        with pytest.raises(BadData, match="request 4 is none of the program"):
            device.read(wanted, tickets[4])


@every_transport
def test_reset_ends_what_runs(opened: Opener) -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    images = case.inputs(1)
    with Accelerator(opened(case)) as device:
        device.configure(case.program)
        device.write(given, images[given])
        device.run()
        device.run()
        device.reset()
        registers = device.registers()
        assert registers["STATUS"] == registers["COMPLETED"] == registers["IRQ_STATUS"] == 0
        device.configure(case.program)
        assert np.array_equal(device.infer(images[given]), case.expected(images)[wanted])


@every_transport
def test_a_closed_device_says_so(opened: Opener) -> None:
    case = chain()
    device = Accelerator(opened(case))
    device.close()
    device.close()
    with pytest.raises(TransportError, match="closed"):
        device.configure(case.program)


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_the_profile_of_a_simulation_adds_up(simulator: str) -> None:
    case = chain()
    (given,) = case.graph.inputs
    with Accelerator(on_simulator(case, simulator)) as device:
        device.configure(case.program)
        device.infer(case.inputs(5)[given])
        device.write(given, case.inputs(3)[given])
        device.run()
        device.run(2)
        device.wait()
        made = device.profile()
    layers = case.program.layers
    assert [layer.name for layer in made.layers] == [layer.name for layer in layers]
    for name, value in made.counters.items():
        assert sum(layer.counters[name] for layer in made.layers) == value
    assert made.images == 5 and all(layer.cycles > 0 for layer in made.layers)
    assert made.macs_executed == 5 * sum(layer.macs_executed for layer in layers)
    assert made.bytes_written == 5 * sum(region.length for layer in layers for region in layer.writes)
    assert made.bytes_read > len(case.program.image)
    assert made.seconds == made.cycles / 108e6 and made.fps == 5 / made.seconds
    assert made.gops == pytest.approx(2 * made.macs / made.seconds / 1e9)
    assert f"{made.cycles:,} cycles" in str(made)


def test_more_images_than_the_memory_holds_are_run_in_parts() -> None:
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    image = case.program.input_bytes + case.program.output_bytes
    images = case.inputs(23)
    with Accelerator(golden(case.program, case.graph, len(case.program.image) + 9 * image)) as device:
        device.configure(case.program)
        with pytest.raises(BadData, match="3 images, needed 1 to 2"):
            device.write(given, images[given][:3])
        assert np.array_equal(device.infer(images[given]), case.expected(images)[wanted])


def test_a_program_too_large_for_the_memory_is_refused() -> None:
    case = chain()
    with (
        Accelerator(golden(case.program, case.graph, len(case.program.image) + 64)) as device,
        pytest.raises(DoesNotFit, match=r"the program needs .* bytes and 4 images"),
    ):
        device.configure(case.program)


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    case = chain()
    (tmp_path / "wrong.program").write_bytes(b"nothing of ours, and long enough for a head")
    with Accelerator(golden(case.program, case.graph)) as device:
        with pytest.raises(MalformedFile, match=r"wrong\.program: not a program file"):
            device.configure(tmp_path / "wrong.program")
        with pytest.raises(MalformedFile, match="cannot be read"):
            device.configure(str(tmp_path / "absent.program"))


@pytest.mark.parametrize(("one", "other"), [(chain, branches), (branches, chain)])
def test_golden_wants_the_graph_of_its_program(one: Callable[[], Case], other: Callable[[], Case]) -> None:
    with pytest.raises(IllegalGraph, match="not those of program"):
        golden(one().program, other().graph)
