// Runs web/linf.js on nodes as ComfyUI's frontend makes them: `node comfyui_web.mjs FOLDER` reads cases as JSON from the
// standard input, each of a node's kind, widgets and what is wired, and writes which widgets are off, and why.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const { app } = await import(pathToFileURL(`${folder}/scripts/app.js`));
await import(pathToFileURL(`${folder}/extensions/linf-nodes/linf.js`));
const { details, cases } = JSON.parse(readFileSync(0, "utf8"));
const [extension] = app.extensions;
extension.beforeRegisterNodeDef(null, {
  name: "LINFLoadModel",
  input: { optional: { model: ["COMBO", { linf_details: details }] } },
});

function made(comfyClass, values, wired = [], tips = {}) {
  const widgets = Object.entries(values).map(([name, value]) => ({ name, value, label: name, tooltip: tips[name] }));
  const inputs = widgets.map(({ name }) => ({ name, widget: { name }, link: wired.includes(name) ? 1 : null }));
  const node = { comfyClass, type: comfyClass, mode: 0, widgets, inputs, setDirtyCanvas() {} };
  extension.nodeCreated(node);
  return node;
}

const answers = cases.map(({ kind, values, wired, loader, reroutes }) => {
  const node = made(kind, values, wired);
  let source = loader === undefined ? null : made("LINFLoadModel", loader);
  for (let k = 0; k < (reroutes ?? 0); k++) {
    const behind = source;
    source = { type: "Reroute", getInputNode: () => behind };
  }
  node.inputs.push({ name: "linf_model", link: source ? 2 : null });
  node.getInputNode = () => source;
  node.onDrawForeground();
  const off = node.widgets.filter((w) => w.disabled).map((w) => [w.name, [w.label, w.tooltip]]);
  for (const w of node.widgets) w.value = values[w.name];
  node.widgets.forEach((w) => (w.value = { latent: "drawn", auto_temperature: false, temperature: 1, strength: 1 }[w.name] ?? w.value));
  node.widgets[0].callback();
  const kept = node.widgets.filter((w) => ["seed", "strength"].includes(w.name));
  return { off: Object.fromEntries(off), restored: kept.every((w) => !w.disabled && w.label === w.name && w.tooltip === undefined) };
});
console.log(JSON.stringify(answers));
