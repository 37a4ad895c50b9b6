// Marks shared by all views: glyphs, tags, hatches, text with halo, rich text, small tables.
const SVG_NS = 'http://www.w3.org/2000/svg';
const CONSUMER_SHAPES = ['circle', 'square', 'triangle', 'diamond', 'pentagon', 'star'];

// A large trait travels as text (base.py, AS_TEXT): it is parsed once for each change.
function told(model, name) {
  const text = model.get(name),
    kept = (model.mqTold ??= {});
  if (kept[name]?.text !== text) kept[name] = {text, value: text ? JSON.parse(text) : undefined};
  return kept[name].value;
}

function html(tag, attrs = {}, ...kids) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...kids);
  return node;
}

function svg(tag, attrs = {}, ...kids) {
  const node = document.createElementNS(SVG_NS, tag);
  for (const [key, value] of Object.entries(attrs))
    if (value !== undefined && value !== null) node.setAttribute(key, value);
  node.append(...kids);
  return node;
}

// -- who is drawn how --------------------------------------------------------------------------
function colourOf(who) {
  return /^C[1-6]$/.test(who) ? `var(--mq-${who})` : 'var(--mq-nb)';
}
function paintOf(name) {
  return name?.startsWith('@') ? `var(--mq-${name.slice(1)})` : name;
}

function shapeOf(who) {
  const consumer = /^C(\d+)$/.exec(who);
  if (consumer) return CONSUMER_SHAPES[Number(consumer[1]) - 1] ?? 'circle';
  return who.startsWith('N') ? 'hexagon' : who.startsWith('P') ? 'arrow' : 'barrel';
}

function polygon(count, radius, inner = radius, turn = -Math.PI / 2) {
  const steps = inner === radius ? count : count * 2,
    points = [];
  for (let i = 0; i < steps; i++) {
    const r = inner !== radius && i % 2 ? inner : radius,
      angle = turn + (2 * Math.PI * i) / steps;
    points.push(`${(r * Math.cos(angle)).toFixed(2)},${(r * Math.sin(angle)).toFixed(2)}`);
  }
  return `M${points.join('L')}Z`;
}

function outlineOf(shape, r) {
  const h = r * 0.86;
  switch (shape) {
    case 'square':
      return `M${-h},${-h}H${h}V${h}H${-h}Z`;
    case 'triangle':
      return `M0,${-r}L${r},${r * 0.8}H${-r}Z`;
    case 'diamond':
      return `M0,${-r * 1.1}L${r * 1.1},0L0,${r * 1.1}L${-r * 1.1},0Z`;
    case 'pentagon':
      return polygon(5, r * 1.05);
    case 'star':
      return polygon(5, r * 1.15, r * 0.5);
    case 'hexagon':
      return polygon(6, r * 1.05, r * 1.05, 0);
    case 'arrow':
      return `M${-r},${-h}H${r * 0.35}L${r * 1.1},0L${r * 0.35},${h}H${-r}Z`;
    case 'barrel':
      return (
        `M${-r},${-r * 0.7}Q0,${-r * 1.25} ${r},${-r * 0.7}` +
        `V${r * 0.7}Q0,${r * 1.25} ${-r},${r * 0.7}Z`
      );
    default:
      return `M${-r},0A${r},${r} 0 1 1 ${r},0A${r},${r} 0 1 1 ${-r},0Z`;
  }
}

function hatchFill(colour) {
  // Each view has a copy of this module, and all share one page: count for all of them.
  globalThis.mqHatches = (globalThis.mqHatches ?? 0) + 1;
  const id = `mq-hatch-${globalThis.mqHatches}`;
  const pattern = svg(
    'pattern',
    {id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
    svg('rect', {width: 6, height: 6, fill: 'var(--mq-bg)'}),
    svg('rect', {width: 3, height: 6, fill: colour}),
  );
  return [svg('defs', {}, pattern), `url(#${id})`];
}

// Inside = truth, outline = what the others believe.
function glyph({who, really = 'alive', believed = 'alive', r = 8, frame = false}) {
  const colour = colourOf(who),
    path = outlineOf(shapeOf(who), r),
    group = svg('g');
  const outline = {d: path, stroke: colour, 'stroke-width': 1.6};
  if (believed === 'dead') outline['stroke-dasharray'] = '3 2';
  if (really === 'starting') {
    outline['stroke-dasharray'] = '1.5 2.5';
    outline.stroke = 'var(--mq-nb)';
  }
  const small = {d: outlineOf(shapeOf(who), r * 0.5)};
  let inside = null;
  if (really === 'alive')
    inside = believed === 'dead' ? svg('path', {...small, fill: colour}) : null;
  if (really === 'frozen') {
    const [defs, fill] = hatchFill(colour);
    group.append(defs);
    if (believed === 'dead') inside = svg('path', {...small, fill});
    else outline.fill = fill;
  }
  if (really === 'alive' && believed !== 'dead') outline.fill = colour;
  outline.fill ??= 'none';
  group.append(svg('path', outline));
  if (inside) group.append(inside);
  if (shapeOf(who) === 'barrel' && really === 'alive' && believed !== 'dead') {
    const letter = svg('text', {
      class: 'mq-on mq-mid',
      'text-anchor': 'middle',
      style: `font-size:${r * 1.25}px`,
    });
    letter.textContent = who;
    group.append(letter);
  }
  if (really === 'dead')
    group.append(
      svg('path', {
        d: `M${-r},${-r}L${r},${r}M${r},${-r}L${-r},${r}`,
        stroke: 'var(--mq-ink)',
        'stroke-width': 2,
      }),
    );
  if (frame)
    group.append(
      svg('rect', {
        x: -r - 4,
        y: -r - 4,
        width: 2 * r + 8,
        height: 2 * r + 8,
        fill: 'none',
        stroke: 'var(--mq-ink)',
        'stroke-width': 2,
      }),
    );
  return group;
}

function glyphIcon(spec, r = 7) {
  const size = 2 * r + 4,
    pad = spec.frame ? 4 : 0,
    whole = size + 2 * pad;
  return svg(
    'svg',
    {
      class: 'mq-glyph',
      width: whole,
      height: whole,
      viewBox: `${-whole / 2} ${-whole / 2} ${whole} ${whole}`,
      'aria-hidden': 'true',
    },
    glyph({r, ...spec}),
  );
}

// -- measuring text ----------------------------------------------------------------------------
// Chromium keeps each text that a canvas never shown has measured for as long as that canvas lives,
// outside of the JS heap: so a width is kept here, and a ruler is replaced after so many texts.
const RULER_TEXTS_MAX = 200;
let ruler = null,
  widths = new Map();
function textWidth(text, root, weight = 400, size = 12) {
  const font = `${weight} ${size}px ${getComputedStyle(root).fontFamily}`,
    key = `${font}|${text}`;
  let width = widths.get(key);
  if (width !== undefined) return width;
  if (!ruler || widths.size >= RULER_TEXTS_MAX) {
    ruler = document.createElement('canvas').getContext('2d');
    widths = new Map();
  }
  ruler.font = font;
  width = ruler.measureText(text).width;
  widths.set(key, width);
  return width;
}

// -- rich text: "plain", ["b", text], ["g", glyph], ["tag", text] … ------------------------------
const PARTS = {
  b: text => html('b', {}, text),
  dim: text => html('span', {class: 'mq-dim'}, text),
  tag: text => html('span', {class: 'mq-tag'}, text),
  code: text => html('code', {class: 'mq-code', style: 'background:none;color:inherit'}, text),
  shade: text => html('span', {class: 'mq-shaded'}, text),
  i: text => html('i', {}, text),
  box: text => html('span', {class: 'mq-box'}, text),
  mark: text => html('span', {class: 'mq-mark'}, text),
  try: ([text, kind]) => html('span', {class: `mq-open mq-${kind}`}, text),
  g: spec => glyphIcon(spec),
  fill: share => {
    const bar = html(
      'span',
      {class: 'mq-fill'},
      html('i', {style: `width:${Math.round(100 * share)}%`}),
    );
    return bar;
  },
  svg: marks => {
    const w = marks.w,
      node = svg('svg', {
        width: w,
        height: marks.h,
        'aria-hidden': 'true',
        style: 'vertical-align:-3px;overflow:visible',
      });
    drawMarks(node, marks.m, {x: {at: v => v}, y: {at: v => v}}, node);
    return node;
  },
};

function rich(parts, send) {
  const list = Array.isArray(parts) ? parts : [parts];
  return list.map(part => {
    if (!Array.isArray(part)) return document.createTextNode(String(part ?? ''));
    if (part[0] === 'btn')
      return html('button', {class: 'mq-button', onclick: () => send?.(part[2])}, part[1]);
    if (part[0] === 'link')
      return html('button', {class: 'mq-link', onclick: () => send?.(part[2])}, part[1]);
    return PARTS[part[0]](part[1]);
  });
}

function plain(parts) {
  return (Array.isArray(parts) ? parts : [parts])
    .map(p =>
      Array.isArray(p)
        ? p[0] === 'g'
          ? p[1].who
          : typeof p[1] === 'string'
            ? p[1]
            : ''
        : String(p ?? ''),
    )
    .join('');
}

// A block = headline above a small table; `num` lists the columns that are numbers.
function block(
  {head, cols, rows = [], num = [], ruled = true, marks = [], keys = [], tight = false},
  send,
) {
  const out = html('div', {class: 'mq-block'});
  if (head) out.append(html('div', {class: 'mq-headline'}, ...rich(head, send)));
  if (!rows.length && !cols) return out;
  const cls = i => (num.includes(i) ? 'mq-num' : null);
  const table = html('table', {
    class: `mq-rows ${ruled ? 'mq-ruled' : ''} ${tight ? 'mq-tight' : ''}`,
  });
  if (cols)
    table.append(
      html(
        'thead',
        {},
        html(
          'tr',
          {},
          ...cols.map((c, i) => html('th', {class: cls(i), scope: 'col'}, ...rich(c))),
        ),
      ),
    );
  const body = html('tbody');
  rows.forEach((row, y) =>
    body.append(
      html(
        'tr',
        {class: marks[y] ? `mq-${marks[y]}` : null, 'data-key': keys[y]},
        ...row.map((cell, i) => html('td', {class: cls(i)}, ...rich(cell, send))),
      ),
    ),
  );
  table.append(body);
  out.append(table);
  return out;
}

// Redraw a host only when its data changed; what has the focus keeps it.
function keep(host, data, make) {
  const text = JSON.stringify(data);
  if (host.mqText === text) return;
  host.mqText = text;
  const buttons = () => [...host.querySelectorAll('button')],
    place = buttons().indexOf(document.activeElement);
  host.replaceChildren(...make());
  if (place >= 0) buttons()[place]?.focus();
}

// -- marks on an SVG: axes give pixel positions; an unchanged mark keeps its node
function drawMarks(root, marks, axes, measure, send) {
  const old = root.mqNodes ?? new Map(),
    fresh = new Map(),
    scale = axes.stamp ?? '';
  marks.forEach((mark, index) => {
    const text = scale + JSON.stringify(mark),
      key = mark.key ?? `#${index}`;
    let entry = old.get(key);
    if (!entry || entry.text !== text) entry = {text, node: oneMark(mark, axes, measure, send)};
    fresh.set(key, entry);
  });
  root.mqNodes = fresh;
  const nodes = [...fresh.values()].map(entry => entry.node);
  if (nodes.length !== root.childNodes.length || nodes.some((n, i) => root.childNodes[i] !== n))
    root.replaceChildren(...nodes);
}

function axisAt(axes, name, fallback) {
  return (axes[name ?? fallback] ?? axes[fallback]).at;
}

function oneMark(mark, axes, measure, send) {
  if (mark.over && axes.width < mark.over) return svg('g'); // only where there is room
  const X = axisAt(axes, mark.xa, 'x'),
    Y = axisAt(axes, mark.ya, 'y');
  const node = MARKS[mark.k](mark, X, Y, measure, axes);
  if (mark.tip) node.append(svg('title'));
  if (mark.tip) node.lastChild.textContent = mark.tip;
  if (mark.act) {
    node.classList.add('mq-act');
    node.mqAct = mark.act;
    node.addEventListener('click', () => send?.(mark.act));
  }
  return node;
}

const MARKS = {
  text(m, X, Y, root) {
    if (
      m.fit !== undefined &&
      X(m.fit) - X(m.x) <
        textWidth(m.t, root, m.b || m.on ? 600 : 400, m.size ?? 12) + 2 * (m.dx ?? 0)
    )
      return svg('g');
    const cls = [
      'mq-mid',
      m.b && 'mq-b',
      m.dim && 'mq-dim',
      m.on && 'mq-on',
      m.small && 'mq-small',
      m.mono && 'mq-mono',
      m.halo && 'mq-halo',
    ]
      .filter(Boolean)
      .join(' ');
    const node = svg('text', {
      x: X(m.x) + (m.dx ?? 0),
      y: Y(m.y) + (m.dy ?? 0),
      class: cls,
      'text-anchor': m.a,
      style: m.size ? `font-size:${m.size}px` : null,
    });
    node.textContent = m.t;
    return node;
  },
  tag(m, X, Y, root, axes) {
    const w = textWidth(m.t, root, 600) + 10,
      anchor = m.a ?? 'start',
      h = 17;
    if (m.fit !== undefined && X(m.fit) - X(m.from) < w + 4 + 2 * (m.room ?? 0)) return svg('g');
    let x = X(m.x) + (m.dx ?? 0) - (anchor === 'middle' ? w / 2 : anchor === 'end' ? w : 0);
    if (axes.width) x = Math.max(axes.left ?? 0, Math.min(x, axes.width - w));
    const y = Y(m.y) + (m.dy ?? 0),
      text = svg('text', {x: x + 5, y, class: 'mq-on mq-mid'});
    text.textContent = m.t;
    return svg(
      'g',
      {},
      svg('rect', {
        x,
        y: y - h / 2,
        width: w,
        height: h,
        rx: 3,
        fill: 'var(--mq-ink)',
        stroke: 'var(--mq-bg)',
        'stroke-width': 1.5,
      }),
      text,
    );
  },
  letter(m, X, Y, root) {
    // a name on a hatch: text on a small ground of its own
    const size = m.h < 14 ? 10 : 12,
      w = textWidth(m.t, root, 600, size) + 5,
      x = X(m.x) + 2,
      y = Y(m.y);
    const text = svg('text', {x: x + 2.5, y, class: 'mq-b mq-mid', style: `font-size:${size}px`});
    if (m.fit !== undefined && X(m.fit) - x < w) return svg('g');
    text.textContent = m.t;
    return svg(
      'g',
      {},
      svg('rect', {x, y: y - size * 0.55, width: w, height: size * 1.1, fill: 'var(--mq-bg)'}),
      text,
    );
  },
  glyph(m, X, Y) {
    const g = glyph({...m.g, r: m.r ?? 7});
    g.setAttribute('transform', `translate(${X(m.x) + (m.dx ?? 0)},${Y(m.y) + (m.dy ?? 0)})`);
    return g;
  },
  rect(m, X, Y) {
    const x0 = X(m.x0),
      x1 = X(m.x1),
      y0 = Y(m.y0),
      y1 = Y(m.y1);
    const at = {
      x: Math.min(x0, x1),
      y: Math.min(y0, y1),
      width: Math.max(Math.abs(x1 - x0), m.min ?? 0),
      height: Math.abs(y1 - y0),
    };
    if (m.least && at.width < m.least) return svg('g');
    const style = {
      fill: paintOf(m.fill) ?? 'none',
      stroke: paintOf(m.line),
      'stroke-width': m.w ?? 1.5,
      'stroke-dasharray': m.dash,
      opacity: m.op,
    };
    const group = svg('g');
    if (m.hatch) {
      const [defs, fill] = hatchFill(colourOf(m.hatch));
      group.append(defs);
      style.fill = fill;
      style.stroke = colourOf(m.hatch);
    }
    if (m.frame)
      group.append(svg('rect', {...at, fill: 'none', stroke: 'var(--mq-bg)', 'stroke-width': 5}));
    group.append(svg('rect', {...at, ...style}));
    return group;
  },
  line(m, X, Y) {
    const d = `M${X(m.x0)},${Y(m.y0)}L${X(m.x1)},${Y(m.y1)}`,
      group = svg('g');
    if (m.halo) group.append(svg('path', {d, stroke: 'var(--mq-bg)', 'stroke-width': 3.5}));
    group.append(
      svg('path', {
        d,
        stroke: paintOf(m.line ?? '@ink'),
        'stroke-width': m.w ?? 1.2,
        'stroke-dasharray': m.dash,
        'shape-rendering': 'crispEdges',
        fill: 'none',
      }),
    );
    return group;
  },
  path(m, X, Y) {
    // points in axis units, then closed when filled
    const d =
      m.p.map(([x, y], i) => `${i ? 'L' : 'M'}${X(x)},${Y(y)}`).join('') + (m.fill ? 'Z' : '');
    return svg('path', {
      d,
      fill: paintOf(m.fill) ?? 'none',
      stroke: paintOf(m.line),
      'stroke-width': m.w ?? 1.5,
      'stroke-dasharray': m.dash,
    });
  },
  shape(m, X, Y) {
    // a small symbol in pixels around a point
    const d = SYMBOLS[m.s](m.r ?? 6);
    return svg('path', {
      d,
      transform: `translate(${X(m.x) + (m.dx ?? 0)},${Y(m.y) + (m.dy ?? 0)})`,
      fill: paintOf(m.fill) ?? 'none',
      stroke: paintOf(m.line),
      'stroke-width': m.w ?? 1.8,
    });
  },
};

const SYMBOLS = {
  cross: r => `M${-r},${-r}L${r},${r}M${r},${-r}L${-r},${r}`,
  arrow: r => `M0,${-r}L${r * 1.5},0L0,${r}Z`,
  bar: r => `M0,${-r}V${r}`,
  bracket: r => `M${r * 0.7},${-r}H0V${r}H${r * 0.7}`,
  up: r => `M0,${-r}L${r},${r * 0.7}H${-r}Z`,
  down: r => `M0,${r}L${r},${-r * 0.7}H${-r}Z`,
  diamond: r => `M0,${-r}L${r},0L0,${r}L${-r},0Z`,
  dot: r => `M${-r},0A${r},${r} 0 1 1 ${r},0A${r},${r} 0 1 1 ${-r},0Z`,
};

// Flags share a strip above a plot: the newest is placed first, an older one gives up its words
// before it would overlap, and keeps its glyph and line.
function drawFlags(root, flags, axes, measure, send) {
  const X = axes.x.at,
    taken = [[], []],
    out = [],
    lines = svg('g', {class: 'mq-lines'}), // below all words: a later cause crosses no tag
    right = axes.width;
  const free = (level, a, b) => taken[level].every(([c, d]) => b + 4 < c || a - 4 > d);
  for (const flag of [...flags].reverse()) {
    const x = X(flag.x),
      group = svg('g', {class: 'mq-act'});
    lines.append(
      svg('path', {
        d: `M${x},${flag.top}V${flag.bottom}`,
        stroke: 'var(--mq-bg)',
        'stroke-width': 3.5,
      }),
      svg('path', {
        d: `M${x},${flag.top}V${flag.bottom}`,
        stroke: 'var(--mq-ink)',
        'stroke-width': 1.2,
      }),
    );
    const labels = [flag.t, flag.t.replace('SIG', ''), ''];
    for (const label of labels) {
      const w = label ? textWidth(label, measure, 600) + 22 : 18,
        start = Math.min(x, right - w);
      if (!free(0, start, start + w)) continue;
      taken[0].push([start, start + w]);
      const g = glyph({...flag.g, r: 7});
      g.setAttribute('transform', `translate(${start + 10},${flag.top + 2})`);
      group.append(g);
      if (label) {
        const t = svg('text', {x: start + 21, y: flag.top + 2, class: 'mq-b mq-mid mq-halo'});
        t.textContent = label;
        group.append(t);
      }
      break;
    }
    for (const tag of flag.tags ?? []) {
      const w = textWidth(tag, measure, 600) + 10,
        start = Math.min(x, right - w);
      if (!free(1, start, start + w)) continue;
      taken[1].push([start, start + w]);
      group.append(
        MARKS.tag(
          {t: tag, x: start, y: flag.top + 20},
          v => v,
          v => v,
          measure,
          {},
        ),
      );
      break;
    }
    const tip = svg('title');
    tip.textContent = [flag.t, flag.tags?.[0]].filter(Boolean).join(': ');
    group.append(tip);
    group.mqAct = flag.act;
    group.addEventListener('click', () => send?.(flag.act));
    out.unshift(group);
  }
  return [lines, ...out];
}
