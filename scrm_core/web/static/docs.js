// Draws the OpenAPI document of this server. Everything is set as text, never as markup.
"use strict";

const root = document.getElementById("document");

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function resolved(schema, spec) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.split("/").slice(1).reduce((part, key) => part[key], spec);
}

function typeOf(schema, spec) {
  const name = schema.$ref ? schema.$ref.split("/").pop() : null;
  const full = resolved(schema, spec);
  if (full.type === "array") return typeOf(full.items || {}, spec) + "[]";
  const type = Array.isArray(full.type) ? full.type.join(" | ") : full.type || "any";
  return name || (full.enum ? full.enum.join(" | ") : type);
}

function members(schema, spec) {
  const full = resolved(schema, spec);
  const table = element("table");
  const head = element("tr");
  ["member 字段", "type 类型", "meaning 说明"].forEach((title) => head.append(element("th", title)));
  table.append(head);
  const required = new Set(full.required || []);
  for (const [name, property] of Object.entries(full.properties || {})) {
    const row = element("tr");
    const label = element("td");
    label.append(element("code", name));
    if (required.has(name)) label.append(element("span", " required 必填", "soft"));
    row.append(label, element("td", typeOf(property, spec)), element("td", resolved(property, spec).description || ""));
    table.append(row);
  }
  const box = element("div", undefined, "wide");
  box.append(table);
  return box;
}

function parameters(list) {
  const table = element("table");
  for (const parameter of list) {
    const row = element("tr");
    const label = element("td");
    label.append(element("code", parameter.name));
    row.append(label, element("td", parameter.in + (parameter.required ? ", required 必填" : "")),
      element("td", parameter.description || ""));
    table.append(row);
  }
  return table;
}

function body(content, title, spec, into) {
  const schema = content && (content["application/json"] || content["application/problem+json"] || {}).schema;
  if (!schema) return;
  into.append(element("h3", title + " · " + typeOf(schema, spec)));
  const full = resolved(schema, spec);
  into.append(members(schema, spec));
  for (const property of Object.values(full.properties || {})) {
    const inner = resolved(property, spec);
    if (inner.type === "array" && resolved(inner.items, spec).properties) {
      into.append(element("p", typeOf(property, spec), "soft"), members(inner.items, spec));
    }
  }
}

function operation(method, path, described, spec) {
  const box = element("details");
  const summary = element("summary");
  summary.append(element("span", method.toUpperCase(), "method"), element("code", path),
    element("span", " " + described.summary));
  box.append(summary, element("p", described.description, "soft"));
  box.append(parameters(described.parameters || []));
  if (described.requestBody) body(described.requestBody.content, "Body 请求体", spec, box);
  for (const [status, answer] of Object.entries(described.responses)) {
    if (status.startsWith("2")) body(answer.content, "Answer 响应 " + status, spec, box);
  }
  const refusals = element("table");
  for (const [status, answer] of Object.entries(described.responses)) {
    if (status.startsWith("2")) continue;
    const row = element("tr");
    row.append(element("td", status), element("td", answer.description));
    refusals.append(row);
  }
  box.append(element("h3", "Refusals 错误"), refusals);
  return box;
}

function draw(spec) {
  const groups = new Map();
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const [method, described] of Object.entries(operations)) {
      if (!described.responses) continue;
      const tag = (described.tags || [""])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(method, path, described, spec));
    }
  }
  const intro = element("section");
  intro.append(element("p", spec.info.description));
  root.replaceChildren(intro);
  for (const [tag, boxes] of groups) {
    const section = element("section");
    section.append(element("h2", tag), ...boxes);
    root.append(section);
  }
}

fetch(root.dataset.source)
  .then((answer) => answer.json())
  .then(draw)
  .catch((error) => root.replaceChildren(element("p", "The document could not be read: " + error)));
