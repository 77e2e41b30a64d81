// Boxes and points on a picture that mouse, finger or keys move. What is where is kept in Python, see handles.py: this
// module draws it, changes `positions`, and shows what Python computes from them.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480; // of the drawing, in its own units; the picture's proportions give the height
const STEP = 0.01; // of an arrow key, as a share of the picture's width or height
const LARGE_STEP = 0.05;
const SMALLEST_SIDE = 0.02; // of a box, likewise
const REACH = 18; // pixels of the screen within which a finger finds a point or a corner
const PAUSE = 700; // milliseconds of rest after which a screen reader is told the new numbers
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// Of a box: where the two coordinates of each corner stand in [xmin, ymin, xmax, ymax].
const CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]];

const between = (low, value, high) => Math.min(Math.max(value, low), high);
const rounded = (value) => Math.round(value * 1e4) / 1e4;
const isBox = (position) => position.length === 4;

function svgElement(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function htmlElement(name, properties, parent) {
  const made = Object.assign(document.createElement(name), properties);
  parent.append(made);
  return made;
}

/** The position shifted as a whole, never beyond the picture. */
function moved(position, dx, dy) {
  const [left, top] = position;
  const [right, bottom] = isBox(position) ? position.slice(2) : position;
  const x = between(-left, dx, 1 - right);
  const y = between(-top, dy, 1 - bottom);
  return position.map((value, index) => rounded(value + (index % 2 ? y : x)));
}

/** The box with one corner shifted; it keeps a positive width and height. */
function resized(box, corner, dx, dy) {
  const next = [...box];
  CORNERS[corner].forEach((place, axis) => {
    const [low, high] = place < 2 ? [0, box[place + 2] - SMALLEST_SIDE] : [box[place - 2] + SMALLEST_SIDE, 1];
    next[place] = rounded(between(low, box[place] + (axis ? dy : dx), high));
  });
  return next;
}

/** What a screen reader says of a position. */
function spoken(position) {
  const percent = (value) => `${Math.round(100 * value)} %`;
  const [x, y, right, bottom] = position;
  if (!isBox(position)) return `${percent(x)} from the left, ${percent(y)} from the top`;
  return `left ${percent(x)}, top ${percent(y)}, right ${percent(right)}, bottom ${percent(bottom)}`;
}

/** Draws one thing that cannot be moved: `{kind, at, style}` with `at` in shares of width and height. */
function drawFixed({ kind, at, style }, height, parent) {
  const [x, y, ...more] = at.map((value, index) => value * (index % 2 ? height : WIDTH));
  const shapes = {
    rect: () => ({ x, y, width: more[0] - x, height: more[1] - y }),
    line: () => ({ x1: x, y1: y, x2: more[0], y2: more[1] }),
    circle: () => ({ cx: x, cy: y, r: more[0] }),
  };
  for (const layer of ["halo", "ink"]) svgElement(kind, { ...shapes[kind](), class: `${layer} ${style}` }, parent);
}

/** The marker of a point: round, square or on its corner, so that colour is not all that tells the kinds apart. */
function pointPath(x, y, style, radius) {
  if (style === "right") return `M${x - radius},${y - radius}h${2 * radius}v${2 * radius}h${-2 * radius}z`;
  const far = 1.3 * radius;
  if (style === "middle") return `M${x},${y - far}l${far},${far}l${-far},${far}l${-far},${-far}z`;
  return `M${x - radius},${y}a${radius},${radius} 0 1 0 ${2 * radius},0a${radius},${radius} 0 1 0 ${-2 * radius},0z`;
}

function render({ model, el }) {
  const height = WIDTH * model.get("aspect");
  const items = model.get("items");
  el.classList.add("clsloc-handles");

  // --- What is there from the beginning -----------------------------------------------------------------------------

  const stage = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group" }, el);
  stage.setAttribute("aria-label", model.get("description"));
  const size = { width: WIDTH, height, preserveAspectRatio: "none" };
  svgElement("image", { ...size, href: model.get("picture") }, stage);
  const behind = svgElement("g", { "aria-hidden": "true" }, stage);
  const links = svgElement("g", { "aria-hidden": "true" }, stage);
  const groups = items.map(({ style }) => {
    const group = svgElement("g", { tabindex: 0, role: "application", class: `item ${style}` }, stage);
    group.setAttribute("aria-roledescription", "movable");
    return group;
  });
  const side = htmlElement("div", { className: "side" }, el);
  const numbers = htmlElement("dl", {}, side);
  htmlElement("p", { className: "hint", textContent: model.get("hint") }, side);
  const again = htmlElement("button", { type: "button", textContent: "Start again" }, side);
  const status = htmlElement("p", { className: "unseen" }, side);
  status.setAttribute("role", "status");

  // --- Drawing what changes -----------------------------------------------------------------------------------------

  function drawBox(group, box, name) {
    const [xmin, ymin, xmax, ymax] = box.map((value, index) => value * (index % 2 ? height : WIDTH));
    const frame = { x: xmin, y: ymin, width: xmax - xmin, height: ymax - ymin };
    for (const layer of ["focus outer", "focus inner", "halo", "ink", "area"]) {
      svgElement("rect", { ...frame, class: layer }, group);
    }
    for (const [x, y] of [[xmin, ymin], [xmax, ymin], [xmax, ymax], [xmin, ymax]]) {
      svgElement("circle", { cx: x, cy: y, r: REACH, class: "area" }, group);
      svgElement("circle", { cx: x, cy: y, r: 5, class: "corner" }, group);
    }
    const isDashed = group.classList.contains("predicted"); // its name below, the other's above: they seldom collide
    const y = isDashed ? (ymax < height - 22 ? ymax + 17 : ymax - 9) : ymin > 22 ? ymin - 8 : ymin + 17;
    svgElement("text", { x: between(4, xmin, WIDTH - 110), y, class: "name" }, group).textContent = name;
  }

  function drawPoint(group, [x, y], style) {
    const place = [x * WIDTH, y * height, style];
    for (const layer of ["focus outer", "focus inner", "halo", "ink"]) {
      svgElement("path", { d: pointPath(...place, layer.startsWith("focus") ? 12 : 6), class: layer }, group);
    }
    svgElement("circle", { cx: place[0], cy: place[1], r: REACH, class: "area" }, group);
  }

  function drawItems() {
    const positions = model.get("positions");
    groups.forEach((group, index) => {
      const { name, style } = items[index];
      group.replaceChildren();
      if (isBox(positions[index])) drawBox(group, positions[index], name);
      else drawPoint(group, positions[index], style);
      group.setAttribute("aria-label", `${name}: ${spoken(positions[index])}`);
    });
    links.replaceChildren();
    for (const [first, second, style] of model.get("links")) {
      drawFixed({ kind: "line", at: [...positions[first], ...positions[second]], style }, height, links);
    }
  }

  function drawBehind() {
    behind.replaceChildren();
    for (const shape of model.get("behind")) drawFixed(shape, height, behind);
  }

  function drawSelection() {
    groups.forEach((group, index) => group.classList.toggle("selected", index === model.get("selected")));
  }

  let pause;
  function drawNumbers() {
    const readout = model.get("readout");
    numbers.replaceChildren();
    for (const [name, value, note] of readout) {
      htmlElement("dt", { textContent: name }, numbers);
      const shown = htmlElement("dd", {}, numbers);
      htmlElement("b", { textContent: value }, shown);
      htmlElement("span", { textContent: note }, shown);
    }
    clearTimeout(pause);
    pause = setTimeout(() => {
      const words = readout.map(([name, value]) => `${name} ${value}`).join(", ");
      status.textContent = `${groups[model.get("selected")].getAttribute("aria-label")}. ${words}.`;
    }, PAUSE);
  }

  // --- Moving -------------------------------------------------------------------------------------------------------

  function put(index, position) {
    model.set("positions", model.get("positions").with(index, position));
    model.save_changes();
  }

  function select(index) {
    model.set("selected", index);
    model.save_changes();
  }

  function placeOf(event) {
    const matrix = stage.getScreenCTM();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return { x: x / WIDTH, y: y / height, unitsPerPixel: 1 / matrix.a };
  }

  /** The nearest point or corner in reach; else the smallest box around the place. What is selected comes first. */
  function pick({ x, y, unitsPerPixel }) {
    const found = [];
    model.get("positions").forEach((position, index) => {
      const preference = index === model.get("selected") ? -1 : 0;
      const points = isBox(position) ? CORNERS.map(([a, b]) => [position[a], position[b]]) : [position];
      points.forEach((point, corner) => {
        const distance = Math.hypot((point[0] - x) * WIDTH, (point[1] - y) * height) / unitsPerPixel;
        if (distance <= REACH) found.push({ index, corner, rank: distance + preference });
      });
      if (isBox(position) && x >= position[0] && x <= position[2] && y >= position[1] && y <= position[3]) {
        const area = WIDTH * height * (position[2] - position[0]) * (position[3] - position[1]);
        found.push({ index, corner: null, rank: 2 * REACH + area + preference });
      }
    });
    return found.sort((one, other) => one.rank - other.rank)[0];
  }

  let drag = null;
  function startDrag(event) {
    const place = placeOf(event);
    const hit = pick(place);
    if (event.button !== 0 || !hit) return;
    event.preventDefault();
    event.stopPropagation();
    groups[hit.index].focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    drag = { ...hit, ...place, from: model.get("positions")[hit.index] };
  }

  function followDrag(event) {
    const place = placeOf(event);
    if (!drag) {
      stage.style.cursor = pick(place) ? "grab" : "";
      return;
    }
    const [dx, dy] = [place.x - drag.x, place.y - drag.y];
    const isCorner = isBox(drag.from) && drag.corner !== null;
    put(drag.index, isCorner ? resized(drag.from, drag.corner, dx, dy) : moved(drag.from, dx, dy));
  }

  function endDrag() {
    drag = null;
  }

  /** A finger on something that moves does not scroll the page; one beside it does. */
  function holdPage(event) {
    if (pick(placeOf(event.touches[0]))) event.preventDefault();
  }

  function pressKey(event, index) {
    const arrow = ARROWS[event.key];
    if (!arrow || event.altKey || event.ctrlKey || event.metaKey) return;
    // JupyterLab would go to another cell.
    event.preventDefault();
    event.stopPropagation();
    const position = model.get("positions")[index];
    const resizes = event.shiftKey && isBox(position);
    const [dx, dy] = arrow.map((sign) => sign * (event.shiftKey && !resizes ? LARGE_STEP : STEP));
    put(index, resizes ? resized(position, 2, dx, dy) : moved(position, dx, dy));
  }

  groups.forEach((group, index) => {
    group.addEventListener("focus", () => select(index));
    group.addEventListener("keydown", (event) => pressKey(event, index));
  });
  stage.addEventListener("pointerdown", startDrag);
  stage.addEventListener("touchstart", holdPage, { passive: false });
  stage.addEventListener("pointermove", followDrag);
  stage.addEventListener("pointerup", endDrag);
  stage.addEventListener("pointercancel", endDrag);
  again.addEventListener("click", () => {
    model.set("positions", model.get("start"));
    model.save_changes();
  });

  const listeners = { positions: drawItems, behind: drawBehind, selected: drawSelection, readout: drawNumbers };
  for (const [name, draw] of Object.entries(listeners)) {
    model.on(`change:${name}`, draw);
    draw();
  }
  clearTimeout(pause); // nothing has changed yet
  return () => {
    clearTimeout(pause);
    for (const [name, draw] of Object.entries(listeners)) model.off(`change:${name}`, draw);
  };
}

export default { render };
