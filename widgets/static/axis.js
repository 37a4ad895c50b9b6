// The axis of a prediction: open diamond "you said", filled diamond "it was", an arrow between;
// below it the others of a class as dots.
const AXIS = {pad: 9, mark: 11, arrow: 34, base: 46, tick: 62, row: 20};
const DOT = {r: 3, pitch: 8, high: 8};

// Answers nearer than a dot stand under each other; `per` of them are one dot.
function stackDots(at, X) {
  const stacks = [];
  for (const x of at.map(X)) {
    const last = stacks.at(-1);
    if (last && x - last.x < DOT.pitch) last.count++;
    else stacks.push({x, count: 1});
  }
  const per = Math.max(1, Math.ceil(Math.max(...stacks.map(s => s.count)) / DOT.high));
  return {per, stacks: stacks.map(s => ({x: s.x, dots: Math.ceil(s.count / per)}))};
}

function othersCaption(others, per) {
  const note = !others.at.length ? '' : per > 1 ? `, a dot for up to ${per}` : ', one dot each',
    tail = others.tail ? `: ${others.tail}` : '';
  return html(
    'div',
    {class: 'mq-dim mq-others'},
    html('div', {}, `${others.head}${note}${tail}.`),
    ...(others.trouble ? [html('div', {}, others.trouble)] : []),
  );
}

function niceTicks(top, room, whole) {
  const asked = top / Math.max(2, Math.floor(room / 150)),
    rough = whole ? Math.max(1, asked) : asked,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= rough && !(whole && n % 1)),
    ticks = [];
  for (let v = 0; v <= top * 1.0001; v += step) ticks.push(Number(v.toPrecision(6)));
  return ticks;
}

// Two labels beside their diamonds: the first places in which they neither touch nor leave.
function placeLabels(items, width, measure) {
  const sized = items.map(item => ({...item, w: textWidth(item.text, measure, 650, item.size)}));
  const sides = item =>
    [
      [item.x + 12, item.x + 12 + item.w],
      [item.x - 12 - item.w, item.x - 12],
    ].filter(([a, b]) => a >= 0 && b <= width);
  const others = sized.map(item => item.x);
  const free = ([a, b], mine) => others.every((x, i) => i === mine || x + 9 < a || x - 9 > b);
  for (const one of sides(sized[0]))
    for (const two of sides(sized[1])) {
      const apart = one[1] + 8 < two[0] || two[1] + 8 < one[0];
      if (apart && free(one, 0) && free(two, 1))
        return {
          rows: 1,
          at: [
            [one[0], 0],
            [two[0], 0],
          ],
        };
    }
  const clamp = item => Math.max(0, Math.min(item.x + 12, width - item.w)); // each in its own row
  return {
    rows: 3,
    at: [
      [clamp(sized[0]), 0],
      [clamp(sized[1]), 1],
    ],
  };
}

function axisText(x, y, text, more = {}) {
  const {size = 12, bold = false, dim = false, anchor = 'start', halo = false} = more;
  const node = svg('text', {
    x,
    y,
    'text-anchor': anchor,
    class: ['mq-mid', dim && 'mq-dim', halo && 'mq-halo'].filter(Boolean).join(' '),
    style: `font-size:${size}px;font-weight:${bold ? 650 : 400}`,
  });
  node.textContent = text;
  return node;
}

function drawAxis(host, axis) {
  const width = Math.max(260, host.clientWidth || 760),
    room = width - 2 * AXIS.pad,
    measure = host;
  const numeric = axis.kind === 'number',
    count = axis.texts?.length ?? 0;
  const others = axis.others?.at ?? [],
    low = numeric ? Math.min(0, axis.said, axis.was, ...others) : 0,
    high = numeric ? Math.max(axis.said, axis.was, ...others) : 0;
  const wide = Math.max(1e-9, (high - low) * 1.15 || 1),
    ticks = numeric ? niceTicks(wide, room, axis.whole) : [];
  const span = numeric ? Math.max(ticks.at(-1), (high - low) * 1.15) || 1 : 1;
  const X = v =>
    numeric ? AXIS.pad + ((v - low) / span) * room : AXIS.pad + ((v + 0.5) / count) * room;
  const said = X(axis.said),
    was = axis.was === null ? null : X(axis.was);
  const items = [
    {x: said, text: axis.said_text, size: 13},
    ...(was === null ? [] : [{x: was, text: axis.was_text, size: 14}]),
  ];
  const labels =
    items.length === 2
      ? placeLabels(items, width, measure)
      : {
          rows: 1,
          at: [
            [
              Math.max(0, Math.min(said + 12, width - textWidth(items[0].text, measure, 650, 13))),
              0,
            ],
          ],
        };
  const {per, stacks} = others.length ? stackDots(others, X) : {per: 1, stacks: []},
    down = labels.rows === 1 ? 0 : 2 * AXIS.row,
    y = v => v + down,
    picture = svg('svg', {
      width,
      height: y(AXIS.tick) + 10 + DOT.pitch * Math.max(0, ...stacks.map(s => s.dots)),
      'aria-hidden': 'true',
      style: 'display:block;max-width:100%',
    });
  const line = (x0, y0, x1, y1, more = {}) =>
    picture.append(
      svg('path', {
        d: `M${x0},${y0}L${x1},${y1}`,
        stroke: 'var(--mq-ink)',
        'stroke-width': 1.5,
        fill: 'none',
        ...more,
      }),
    );
  line(AXIS.pad, y(AXIS.base), width - AXIS.pad, y(AXIS.base), {stroke: 'var(--mq-line)'});
  let free = -1e9;
  (numeric
    ? ticks.map(v => [X(v + low), String(Number((v + low).toPrecision(6)))])
    : axis.texts.map((t, i) => [X(i), t])
  ).forEach(([x, text], i) => {
    const full = numeric && i === 0 && axis.unit ? `${text} ${axis.unit}` : text,
      w = textWidth(full, measure, 400, 11);
    const start = numeric && i === 0 ? x - 5 : Math.min(x - w / 2, width - w);
    line(x, y(AXIS.base), x, y(AXIS.base) + 5, {stroke: 'var(--mq-line)'});
    if (start < free + 8 || x > width) return;
    free = start + w;
    picture.append(axisText(start, y(AXIS.tick), full, {size: 11, dim: true}));
  });
  if (was !== null && Math.abs(said - was) > 6) {
    const end = was - Math.sign(was - said) * 7,
      a = y(AXIS.arrow),
      w = textWidth(axis.off ?? '', measure, 400, 12);
    line(said, a, end, a);
    picture.append(
      svg('path', {d: `M${was},${a}L${end},${a - 4}V${a + 4}Z`, fill: 'var(--mq-ink)'}),
    );
    if (axis.off) {
      const inside = Math.abs(said - was) > w + 30,
        right = Math.max(said, was) + 10;
      const x = inside
        ? (said + was) / 2 - w / 2
        : right + w <= width
          ? right
          : Math.min(said, was) - 10 - w;
      picture.append(axisText(x, inside ? a - 9 : a, axis.off, {halo: true}));
    }
  }
  items.forEach((item, i) => {
    const [x, row] = labels.at[i],
      level = labels.rows === 1 ? AXIS.mark : AXIS.mark + row * AXIS.row,
      mark = y(AXIS.mark) - (labels.rows === 1 ? 0 : 0);
    line(
      item.x,
      mark + 7,
      item.x,
      y(AXIS.base),
      i ? {'stroke-width': 2} : {'stroke-dasharray': '3 2'},
    );
    picture.append(
      svg('path', {
        d: SYMBOLS.diamond(7),
        transform: `translate(${item.x},${mark})`,
        fill: i ? 'var(--mq-ink)' : 'var(--mq-bg)',
        stroke: 'var(--mq-ink)',
        'stroke-width': 1.6,
      }),
    );
    if (labels.rows > 1)
      line(item.x, level + 8, item.x, mark - 8, {
        'stroke-width': 1,
        'stroke-dasharray': i ? null : '3 2',
      });
    picture.append(axisText(x, level, item.text, {size: item.size, bold: true, halo: true}));
  });
  for (const {x, dots} of stacks)
    for (let n = 0; n < dots; n++) {
      const cy = y(AXIS.tick) + 8 + DOT.r + n * DOT.pitch;
      picture.append(svg('circle', {class: 'mq-other', cx: x, cy, r: DOT.r, fill: 'var(--mq-nb)'}));
    }
  host.replaceChildren(picture, ...(axis.others ? [othersCaption(axis.others, per)] : []));
}
