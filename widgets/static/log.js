// The log: newest first; hover lights the instant in every plot of the page, click enlarges it.
const NEW_LINE_MS = 2000;

// Lights a point {run, at, place} in every plot that shows it; null takes the light away.
function lightPoint(point) {
  globalThis.mqPlots?.forEach(plot => plot.mqLight(point));
}

function logPart(model, host, root, send) {
  const cap = html(
    'div',
    {class: 'mq-headline'},
    html('span', {class: 'mq-cap'}, 'What happened'),
    ', newest first',
  );
  const body = html('div', {class: 'mq-log'}),
    foot = html('div', {class: 'mq-dim', style: 'font-size:12px;padding-top:4px'});
  host.append(cap, body, foot);
  const seen = new Map();
  let shown = {at: [], micros: []};
  // Rows are made anew under a resting mouse, so their parent listens.
  const place = event => [...body.querySelectorAll('tbody tr')].indexOf(event.target.closest('tr'));
  body.onmousemove = event => {
    const at = shown.at[place(event)];
    lightPoint(at === undefined ? null : {run: model.get('run'), at});
  };
  body.onmouseleave = () => lightPoint(null);
  body.onclick = event => {
    const at = shown.micros[place(event)];
    if (at !== undefined) send({do: 'instant', at});
  };
  const draw = () => {
    const given = told(model, 'lines'),
      log = given?.rows ? given : {rows: [], at: [], micros: [], foot: ''},
      now = performance.now(),
      first = !seen.size;
    log.rows.forEach((row, i) => {
      const key = `${log.micros[i]}|${plain(row[1])}`;
      if (!seen.has(key)) seen.set(key, first ? -NEW_LINE_MS : now);
    });
    while (seen.size > 200) seen.delete(seen.keys().next().value);
    const marks = log.rows.map((row, i) =>
      now - seen.get(`${log.micros[i]}|${plain(row[1])}`) < NEW_LINE_MS ? 'now' : null,
    );
    keep(body, [log.rows, marks], () => [block({rows: log.rows, marks, tight: true}, send)]);
    shown = log;
    foot.textContent = log.foot;
  };
  model.on('change:lines', draw);
  draw();
  const later = setInterval(draw, NEW_LINE_MS / 2);
  return () => {
    model.off('change:lines', draw);
    clearInterval(later);
  };
}
