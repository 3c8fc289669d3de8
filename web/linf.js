// What the nodes do in the browser: texts are shown, a new node's seed stays as it is, and fields that the run will not
// use are off. Values are never changed here, except words of older graphs, which become today's.
import { app } from "../../scripts/app.js";

const FORMER = { prior: "learned", noise: "drawn" };
const DRAW = ["seed", "frame", "origin_y", "origin_x"];
const REPORTS = ["LINFModelCache", "LINFSavePreset"];

const widget = (node, name) => node.widgets?.find((w) => w.name === name);

function setOff(node, name, off, why) {
  const w = widget(node, name);
  if (!w) return;
  w.disabled = off;
  w.linfTip ??= w.tooltip ?? "";
  w.tooltip = off ? why : w.linfTip;
}

function showAmount(node) {
  const chosen = widget(node, "latent")?.value;
  const latent = FORMER[chosen] ?? chosen;
  const automatic = widget(node, "auto_temperature")?.value;
  const temperature = widget(node, "temperature")?.value;
  const faithful = latent === "faithful" || (!automatic && temperature === 0) || widget(node, "strength")?.value === 0;
  const why = "Not used: the picture is faithful, without detail.";
  setOff(node, "temperature", automatic || latent === "faithful", automatic
    ? "Not used while auto_temperature is on: switch it off to set the amount." : why);
  setOff(node, "auto_temperature", latent === "faithful", why);
  setOff(node, "strength", latent === "faithful", why);
  const drawn = !faithful && latent !== "learned";
  for (const name of DRAW)
    setOff(node, name, !drawn, faithful ? why : "Not used: learned detail is one picture, whatever the seed.");
  node.setDirtyCanvas?.(true, true);
}

function watchAmount(node) {
  for (const name of ["latent", "auto_temperature", "temperature", "strength"]) {
    const w = widget(node, name);
    if (!w) continue;
    const before = w.callback;
    w.callback = function (...args) {
      const result = before?.apply(this, args);
      showAmount(node);
      return result;
    };
  }
  showAmount(node);
}

async function showText(node, lines) {
  const text = lines.join("\n");
  let shown = widget(node, "linf_text");
  if (!shown) {
    const { ComfyWidgets } = await import("../../scripts/widgets.js");
    shown = ComfyWidgets.STRING(node, "linf_text", ["STRING", { multiline: true }], app).widget;
    shown.serialize = false; // saved graphs hold values by position: this one is none of theirs
    shown.options.serialize = false;
    if (shown.inputEl) shown.inputEl.readOnly = true;
    const [width, height] = node.computeSize();
    node.setSize?.([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  }
  shown.value = text;
  node.setDirtyCanvas?.(true, true);
}

app.registerExtension({
  name: "linf.nodes",
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("LINF")) return;
    const control = widget(node, "control_after_generate");
    if (control) control.value = "fixed"; // a saved graph's own value comes after this
    if (widget(node, "auto_temperature")) watchAmount(node);
    if (REPORTS.includes(node.comfyClass)) {
      const before = node.onExecuted;
      node.onExecuted = function (message) {
        before?.apply(this, arguments);
        if (message?.text) showText(this, message.text);
      };
    }
  },
  loadedGraphNode(node) {
    if (!node.comfyClass?.startsWith("LINF")) return;
    const latent = node.comfyClass === "LINFUpscale" && widget(node, "latent");
    if (latent && FORMER[latent.value]) latent.value = FORMER[latent.value];
    if (widget(node, "auto_temperature")) showAmount(node);
  },
});
