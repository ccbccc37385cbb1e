"""The forecast of a plan: what is told of a cell, what is refused and with which way out, and what stays unknown."""

from __future__ import annotations

import json
import platform

import pytest

from ftbench.compile.matrix import compile_matrix
from ftbench.compile.print_plan import plan_text
from ftbench.core.plan import Plan
from ftbench.cost.calibration import FILE, Calibration, read, write
from ftbench.cost.forecast import Forecast
from ftbench.cost.memory import GB
from ftbench.cost.speed import KINDS, Rate, Rates
from ftbench.sweep.budget import within_budget
from ftbench.sweep.calibrate import answered

GPU = ["hardware=h100", "store.dir=.nowhere"]


def compiled(composer, *jobs: str, also=GPU):
    return compile_matrix(composer, [[*job.split(), *also] for job in jobs], "plan")


def of(plan: Plan, label: str) -> dict:
    cell = next(cell for cell in plan.cells if cell.label == label)
    return plan.forecast["cells"][cell.id]


def test_what_fits_what_it_costs_and_what_does_not(composer) -> None:
    jobs = [
        f"model={model} method={method}"
        for model in ("llama2_7b", "llama2_13b")
        for method in ("full", "lora", "qlora", "dpo")
    ]
    done = compiled(composer, *jobs)
    assert sorted(refusal.label for refusal in done.plan.refusals) == [
        "llama2_13b full zero_shot",
        "llama2_7b full zero_shot",
    ]
    problem = next(refusal for refusal in done.plan.refusals if "13b" in refusal.label).problems[0]
    assert problem["where"] == "hardware=h100" and "does not fit: needs 210 GB of 86, which is 80 GiB" in problem["why"]
    assert "method.optimizer=adamw_bnb_8bit method.master_weights=base needs 80 GB" in problem["fix"]
    assert "method=qlora" in problem["fix"]
    assert "hardware.gpus=3 with sharding" in problem["fix"] and "this version cannot run" in problem["fix"]
    lora, qlora, dpo = (of(done.plan, f"llama2_7b {method} zero_shot") for method in ("lora", "qlora", "dpo"))
    assert qlora["peak_bytes"] < 8 * GB < 14 * GB < lora["peak_bytes"] < dpo["peak_bytes"] < 25 * GB
    assert lora["memory"]["weights"] > 2 * 6738415616 and sum(lora["memory"].values()) == pytest.approx(
        lora["peak_bytes"]
    )
    assert lora["usd"] == pytest.approx(lora["seconds"] * 3.99 / 3600)
    text = plan_text(done, ())
    assert "llama2_13b dpo zero_shot" in text and "not calibrated" in text and "data sheet" in text


def test_the_remedy_that_is_named_does_fit(composer) -> None:
    mended = compiled(
        composer, "model=llama2_13b method=full method.optimizer=adamw_bnb_8bit method.master_weights=base"
    )
    assert not mended.plan.refusals
    assert of(mended.plan, mended.plan.cells[0].label)["needs_bytes"] < 85.5e9
    wide = compiled(composer, "model=llama2_13b method=lora method.batch_size=512 hardware=h100")
    fix = wide.plan.refusals[0].problems[0]["fix"]
    assert fix.startswith("Would fit: method.batch_size=")
    settings = fix.removeprefix("Would fit: ").split(" needs")[0]
    assert not compiled(composer, f"model=llama2_13b method=lora {settings}").plan.refusals


def test_a_budget_counts_as_the_total_does(composer) -> None:
    """Each model is loaded once for all stages that want it; alone, each of these cells would load it for each of its
    stages.
    """
    jobs = [f"model={model} method=lora" for model in ("llama2_7b", "llama2_13b")]
    total = compiled(composer, *jobs).plan.forecast["total"]["usd"]
    for cap, count in ((1.001 * total, 2), (0.999 * total, 1)):
        plan = compiled(composer, *jobs, also=[*GPU, f"budget.usd={cap}"]).plan
        assert len(within_budget(plan, ()).plan.cells) == count


def test_shared_stages_count_once_in_the_total(composer) -> None:
    done = compiled(
        composer, "method=lora model=llama2_7b context=zero_shot", "method=lora model=llama2_7b context=few_shot"
    )
    cells = done.plan.forecast["cells"].values()
    assert done.plan.forecast["total"]["seconds"] < sum(cell["seconds"] for cell in cells)
    trained = next(key for key, stage in done.plan.stages.items() if stage.kind == "train")
    own = Forecast.from_dict(done.plan.forecast["stages"][trained]["h100"])
    assert own.tokens["supervised"] < own.tokens["non_pad"] <= own.tokens["padded"]


@pytest.mark.parametrize("calibrated", [False, True])
def test_dollars_are_the_price_of_the_seconds_beside_them(composer, tmp_path, calibrated) -> None:
    if calibrated:
        light = dict.fromkeys(("prepare", "check", "tokens", "index", "score"), Rate(0.0, 0.0, 0.0, 0.0, 0.5, False))
        rates = Rates(
            dict.fromkeys(KINDS, Rate(2.0, 1e-15, 1e-12, 0.0, 0.0, False)), 7.0, 1e-9, light, True, "measured"
        )
        write(
            tmp_path,
            Calibration(
                "NVIDIA H100 80GB HBM3",
                platform.node(),
                2,
                "2026-11-23T00:00:00",
                "meta-llama/Llama-2-7b-hf",
                rates,
                [],
            ),
        )
    jobs = [
        f"model=llama2_7b method={method} context={context}"
        for method in ("none", "lora")
        for context in ("zero_shot", "rag")
    ]
    plan = compiled(composer, *jobs, also=["hardware=h100", "hardware.gpus=2", f"store.dir={tmp_path}"]).plan
    for told in (*plan.forecast["cells"].values(), plan.forecast["total"]):
        assert told["calibrated"] is calibrated and told["usd"] == pytest.approx(told["seconds"] * 2 * 3.99 / 3600)


def test_35_packed_rows_are_not_padded(composer) -> None:
    def trained(*settings: str) -> Forecast:
        plan = compiled(composer, "model=llama2_7b method=lora", also=[*GPU, *settings]).plan
        return next(
            Forecast.from_dict(plan.forecast["stages"][key]["h100"])
            for key, stage in plan.stages.items()
            if stage.kind == "train"
        )

    padded, tight = trained(), trained("++method.packing=true")
    assert tight.tokens["padded"] == tight.tokens["non_pad"] == padded.tokens["non_pad"] < padded.tokens["padded"]


def test_32_rows_trained_with_passages_are_longer(composer) -> None:
    def trained(*settings: str) -> Forecast:
        plan = compiled(composer, "model=llama2_7b method=lora context=rag", also=[*GPU, *settings]).plan
        return next(
            Forecast.from_dict(plan.forecast["stages"][key]["h100"])
            for key, stage in plan.stages.items()
            if stage.kind == "train"
        )

    own, passages = trained(), trained("++method.train_context=0.8")
    assert (
        passages.tokens["supervised"] == own.tokens["supervised"]
        and passages.tokens["non_pad"] > 2 * own.tokens["non_pad"]
    )
    assert passages.seconds > own.seconds and passages.peak_bytes > own.peak_bytes


def test_32_retrieval_and_examples_have_longer_prompts(composer) -> None:
    done = compiled(composer, *(f"model=llama2_7b context={context}" for context in ("zero_shot", "few_shot", "rag")))
    prompts = [
        done.plan.forecast["stages"][cell.stages["generate.test"]]["h100"]["tokens"]["prompt"]
        for cell in done.plan.cells
    ]
    assert prompts[0] * 2 < prompts[1] and prompts[0] * 2 < prompts[2]


def test_31_nothing_known_of_the_hardware_is_nothing_forecast_and_not_zero(composer) -> None:
    done = compiled(composer, "model=tiny method=lora", also=["store.dir=.nowhere"])
    cell = of(done.plan, "tiny lora zero_shot")
    assert cell["seconds"] is None and cell["usd"] is None and cell["peak_bytes"] > 0
    assert done.plan.forecast["total"]["seconds"] is None
    assert any("calibrate" in reason for reason in cell["unknown"])
    assert "n/a" in plan_text(done, ())


def test_31_a_method_that_does_not_say_what_it_trains_has_no_forecast(composer_over, tmp_path, monkeypatch) -> None:
    (tmp_path / "silent_method.py").write_text(
        "from dataclasses import dataclass\nfrom ftbench.core.components.method import"
        " Method\n\n@dataclass(frozen=True)\nclass Silent(Method):\n    rate: float\n\n    def lower(self, add,"
        " cell):\n        return add('train', spec={'method': self.identity()}, inputs={'prepare': cell.prepare},"
        " config={'model': {'_target_': 'x'} if False else __import__('ftbench.core.component',"
        " fromlist=['node']).node(cell.model), 'method': {'_target_': 'silent_method.Silent', 'rate': self.rate},"
        " 'seed': 0}, model='m')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    composer = composer_over({"method/silent.yaml": "_target_: silent_method.Silent\nrate: 0.5\n"})
    done = compiled(composer, "model=llama2_7b method=silent")
    cell = done.plan.forecast["cells"][done.plan.cells[0].id]
    assert cell["seconds"] is None and cell["usd"] is None
    assert any("Silent does not say what it trains" in reason for reason in cell["unknown"])


def test_an_unknown_architecture_has_no_forecast(composer) -> None:
    done = compiled(composer, "model=hf model.name_or_path=nobody/Nothing-1B method=lora model.revision=" + "0" * 40)
    cell = next(iter(done.plan.forecast["cells"].values()))
    assert cell["peak_bytes"] is None and any("not in the catalogue" in reason for reason in cell["unknown"])


SIZES = '"intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 99'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"model_type": "llama", "hidden_size": 64}', "has no shape"),
        ('{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 0, ' + SIZES + "}", "has no shape"),
        ('{"model_type": "llama", "hidden_size": -64, "num_attention_heads": 4, ' + SIZES + "}", "has no shape"),
    ],
)
def test_31_a_config_that_says_nothing_is_an_unknown_forecast_with_its_reason(composer, tmp_path, content, why) -> None:
    folder = tmp_path / "modell é"
    folder.mkdir()
    (folder / "config.json").write_text(content, encoding="utf-8")
    names = ["embed_tokens", *(f"layers.{layer}.mlp.up_proj" for layer in range(2))]
    names = ["lm_head.weight", *(f"model.{name}.weight" for name in names)]
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    plan = compiled(composer, "model=hf method=none", also=[*GPU, f"model.name_or_path='{folder}'"]).plan
    (cell,) = plan.forecast["cells"].values()
    assert cell["usd"] is None and any("config.json" in reason and why in reason for reason in cell["unknown"])


def test_api_calls_are_forecast_by_their_tokens(composer) -> None:
    done = compiled(composer, "model=gpt_4_1_mini", "model=openai model.name=x model.base_url=http://localhost:1/v1")
    priced, unpriced = (done.plan.forecast["cells"][cell.id] for cell in done.plan.cells)
    assert 0 < priced["usd"] < 1 and priced["seconds"] is None
    assert unpriced["usd"] is None


def test_a_calibration_is_used_and_said(composer, tmp_path) -> None:
    rate = Rate(2.0, 1e-5, 1e-10, 0.0, 0.0, False)
    rates = Rates(
        dict.fromkeys(KINDS, rate),
        0.5,
        1e-9,
        {"score": Rate(0.0, 0.0, 0.0, 0.0, 0.01, False)},
        True,
        "measured on this machine",
    )
    write(tmp_path, Calibration("cpu", platform.node(), 1, "2026-11-23T00:00:00", "tiny", rates, []))
    write(tmp_path, Calibration("cpu", "another", 1, "2026-11-24T00:00:00", "tiny", rates, []))
    assert len(read(tmp_path)) == 2
    done = compiled(composer, "model=tiny method=lora", also=[f"store.dir={tmp_path}"])
    cell = of(done.plan, "tiny lora zero_shot")
    assert cell["calibrated"] and cell["seconds"] > 2 and done.plan.forecast["total"]["calibrated"]
    assert "measured on this machine" in plan_text(done, ()) and "  calibrated" in plan_text(done, ())
    assert [record["host"] for record in json.loads((tmp_path / FILE).read_text())] == ["another", platform.node()]


def test_the_forecast_travels_in_plan_json(composer, tmp_path) -> None:
    done = compiled(composer, "model=llama2_7b method=lora")
    assert Plan.read(done.plan.write(tmp_path)).forecast == done.plan.forecast


def test_a_rate_is_not_blamed_for_short_answers(composer, tmp_path) -> None:
    """The work of a probe is that of the answers it gave, not of the references it was forecast with."""
    plan = compiled(composer, "model=tiny method=none decoding.batch_size=4").plan
    key = plan.cells[0].stages["generate.test"]
    rows = [{"prompt_tokens": 10 + row, "completion_tokens": 3} for row in range(10)]
    (tmp_path / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = answered(plan, key, tmp_path, [])
    assert (
        found.work["passes"] == 3 * 3 and found.work["rows"] == 10 and found.tokens["completion"] == pytest.approx(30)
    )
    assert found.work["flops"] < next(iter(plan.forecast["stages"][key].values()))["work"]["flops"] / 10
