// What the nodes do in the browser: texts are shown, a new node's seed stays as it is, and fields that the run will not
// use are off and say why. Values are never changed here, except words of older graphs, which become today's.
import { app } from "../../scripts/app.js";

const FORMER = { prior: "learned", noise: "drawn" };
const AMOUNT = ["temperature", "auto_temperature", "strength"];
const DRAW = ["seed", "frame", "origin_y", "origin_x"];
const SIZES = [["megapixels"], ["longest_side"], ["shortest_side"], ["height", "width"]]; // the first that is given decides
const REPORTS = ["LINFModelCache", "LINFSavePreset"];
const LOADER = "LINFLoadModel";
let details = {}; // by model: the detail that `auto` gives, where its file says it

const widget = (node, name) => node.widgets?.find((w) => w.name === name);

// A widget's value; undefined where it is wired, so that only the run knows it.
function valueOf(node, name) {
  const slot = node.inputs?.find((i) => i.widget?.name === name);
  return slot?.link != null ? undefined : widget(node, name)?.value;
}

// Which detail the wired model gives of itself: learned, drawn, or none (faithful); undefined where that cannot be told.
function detailOf(node) {
  const slot = node.inputs?.findIndex((i) => i.name === "linf_model") ?? -1;
  let source = slot < 0 ? null : node.getInputNode?.(slot);
  while (source?.type === "Reroute") source = source.getInputNode?.(0);
  if (source?.comfyClass !== LOADER || source.mode) return undefined;
  const model = String(valueOf(source, "model")), prior = valueOf(source, "prior");
  const own = details[model] ?? details[model.replace(/\.(safetensors|pth|pt|ckpt)$/, "")];
  if (own === undefined || own === "faithful" || prior === "auto") return own;
  return prior === undefined ? undefined : prior === "none" ? "drawn" : "learned";
}

// Why the fields of detail are not used, by their name: in a word or two, and in a sentence.
function idleAmount(node) {
  const chosen = valueOf(node, "latent"), latent = FORMER[chosen] ?? chosen;
  const [temperature, automatic, strength] = AMOUNT.map((name) => valueOf(node, name));
  const own = latent === "auto" ? detailOf(node) : undefined;
  let kind = latent;
  if (latent === "auto") kind = automatic === false ? "drawn" : automatic || own !== "learned" ? own : undefined;
  const still = automatic === false && temperature === 0;
  const why = {}, faithful = own === "faithful" ? "the model adds no detail" : "the picture is faithful, without detail";
  if (kind === "faithful") for (const name of AMOUNT) why[name] = ["faithful", faithful];
  else if (strength === 0) why.temperature = why.auto_temperature = ["strength 0", "the strength is 0"];
  else if (automatic) why.temperature = ["automatic", "auto_temperature is on; switch it off to set the amount"];
  else if (still) why.strength = ["temperature 0", "the temperature is 0"];
  const plain = kind === "faithful" || strength === 0 || still;
  if (plain || kind === "learned")
    for (const name of DRAW)
      why[name] = plain ? ["faithful", faithful] : ["learned", "learned detail is one picture, whatever the seed"];
  return why;
}

// The same for the fields of a size, of whatever node.
function idleSize(node) {
  const why = {}, by = (name) => [`by ${name.replace("_", " ")}`, `${name} decides the size`];
  let decides;
  for (const names of SIZES) {
    if (decides) for (const name of names) why[name] = by(decides);
    decides ??= names.find((name) => valueOf(node, name) > 0);
  }
  if (decides) for (const name of ["scale", "scale_x", "factor"]) why[name] = by(decides);
  const alone = SIZES[3].some((name) => valueOf(node, name) === 0) || (decides && !SIZES[3].includes(decides));
  if (alone && valueOf(node, "multiple_of") <= 1) why.aspect = ["one side", "it is about height and width together"];
  return why;
}

function idleElse(node) {
  const why = {};
  if (node.comfyClass === "LINFEncodeLr" && valueOf(node, "edges") === "seamless")
    why.tile = why.half = ["seamless", "seamless features are encoded where they are used"];
  if (node.comfyClass === "LINFCompare" && ["side by side", "split"].includes(valueOf(node, "mode")))
    why.gain = ["no difference", "it multiplies the difference"];
  return why;
}

// Fields that are not used are grey, and say why beside their name and under the mouse.
function showUse(node) {
  const why = { ...idleSize(node), ...idleElse(node), ...(widget(node, "auto_temperature") ? idleAmount(node) : {}) };
  for (const w of node.widgets ?? []) {
    const [short, reason] = why[w.name] ?? [];
    if (w.linfIdle === reason) continue;
    if (w.linfIdle === undefined) w.linfOwn = { label: w.label, tooltip: w.tooltip };
    w.linfIdle = reason;
    w.disabled = reason !== undefined;
    w.label = w.disabled ? `${w.linfOwn.label ?? w.name} (off: ${short})` : w.linfOwn.label;
    w.tooltip = w.disabled ? `Not used: ${reason}.` : w.linfOwn.tooltip;
    node.setDirtyCanvas?.(true, true);
  }
}

function watchUse(node) {
  for (const w of node.widgets ?? []) {
    const before = w.callback;
    w.callback = function (...args) {
      const result = before?.apply(this, args);
      showUse(node);
      node.setDirtyCanvas?.(true, true); // the nodes behind it look again when they are drawn
      return result;
    };
  }
  const draw = node.onDrawForeground; // wires and the model's own node change without a word to this one
  node.onDrawForeground = function (...args) {
    showUse(this);
    return draw?.apply(this, args);
  };
  showUse(node);
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
  beforeRegisterNodeDef(_, told) {
    if (told.name === LOADER) details = told.input?.optional?.model?.[1]?.linf_details ?? {};
  },
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("LINF")) return;
    const control = widget(node, "control_after_generate");
    if (control) control.value = "fixed"; // a saved graph's own value comes after this
    watchUse(node);
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
    showUse(node);
  },
});
