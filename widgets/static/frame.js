// The common frame: title, badges, picture, sentence, twins, six states, keyboard, visibility.
const LOST_AFTER_MS = 4000,
  ALIVE_EVERY_MS = 15000,
  ANSWER_EVERY_MS = 1000,
  SAY_AT_MOST_EVERY_MS = 2000;

function lightness(colour) {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}

function kernelLives(model) {
  const kernel = model.widget_manager?.kernel;
  if (!kernel) return null;
  return kernel.connectionStatus === 'connected' && kernel.status === 'busy' ? true : null;
}

function watchTheme(root) {
  const look = () => {
    const ground =
      getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim() || '#ffffff';
    const dark = lightness(ground) < 0.5;
    if (root.classList.contains('mq-dark') !== dark || !root.mqSeen) {
      root.mqSeen = true;
      root.classList.toggle('mq-dark', dark);
      root.dispatchEvent(new Event('mq:theme'));
    }
  };
  look();
  const watch = new MutationObserver(() => requestAnimationFrame(look));
  watch.observe(document.body, {
    attributes: true,
    attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light', 'class'],
  });
  const late = setTimeout(look, 400);
  return () => {
    watch.disconnect();
    clearTimeout(late);
  };
}

// How a pane looks and whether its buttons work, by the state of the view.
function wear(pane, kind) {
  pane.hidden = kind === 'starting';
  pane.style.display = pane.hidden ? 'none' : '';
  pane.classList.toggle('mq-veil', kind === 'gone' || kind === 'error');
  pane.classList.toggle('mq-faint', kind === 'empty');
  pane.querySelectorAll('button,input,select').forEach(b => {
    if (kind === 'gone') {
      b.mqWas ??= b.disabled;
      b.disabled = true;
    } else if (b.mqWas !== undefined) {
      b.disabled = b.mqWas;
      delete b.mqWas;
    }
  });
}

// The model itself: anywidget hands a stand-in of its own to each view.
function wholeModel(model) {
  let whole = null;
  const find = found => (whole = found);
  model.on('change:mq_found', find);
  model.set('mq_found', Math.random());
  model.off('change:mq_found', find);
  whole?.unset('mq_found', {silent: true});
  delete whole?._buffered_state_diff?.mq_found;
  return whole ?? model;
}

// anywidget gives a model two seconds to load. One that took longer, in a page that was busy, is
// drawn all the same, but hears nothing more: it gets its messages back, and what it missed.
function hearAgain(whole) {
  const hear = Object.getPrototypeOf(Object.getPrototypeOf(whole))?._handle_comm_msg,
    nothing = {content: {data: {method: 'nothing'}}};
  if (!hear) return;
  Promise.resolve(whole._handle_comm_msg(nothing)).catch(() => {
    whole._handle_comm_msg = message => hear.call(whole, message);
    whole.comm?.on_msg(whole._handle_comm_msg);
    whole.send({do: 'state'});
  });
}

// parts: [{make: (model, host, root, send) => cleanup, wide?: bool, below?: bool}]; what stands
// below follows the sentence, so that picture and sentence fit a projector together.
function openView(model, el, parts, {bare = false, even = false} = {}) {
  const root = html('div', {class: 'minimq', 'data-lm-suppress-shortcuts': 'true'}),
    send = message => model.send(message),
    whole = wholeModel(model),
    cleanups = [];
  hearAgain(whole);
  // A message, not save_changes(): JupyterLab holds traits back while an awaiting cell runs.
  // What was sent belongs to the model: a view shown by two cells has one kernel side.
  const sent = (model.mqSent = whole.mqSent ??= {});
  const tellKernel = (trait, value) => {
    if (sent[trait] !== value) {
      sent[trait] = value;
      send({do: 'trait', trait, value});
    }
  };
  el.append(root);
  const title = html('div', {class: 'mq-title', role: 'heading', 'aria-level': '3'}),
    badges = html('span', {class: 'mq-badges', style: 'display:flex;gap:6px'});
  const head = html('div', {class: 'mq-head'}, title, badges);
  const stateHost = html('div', {class: 'mq-state'}),
    body = html('div', {class: 'mq-body'}),
    below = html('div', {class: 'mq-below'});
  const say = html('div', {class: 'mq-say'}),
    heard = html('div', {class: 'mq-heard', role: 'status', 'aria-live': 'polite'});
  const code = html('code', {class: 'mq-code', style: 'background:none'}),
    twin = html('div', {class: 'mq-twin', hidden: true});
  let open = null,
    lost = false,
    lastBeat = performance.now(),
    heardAt = 0,
    heardTimer = 0;
  const links = ['table', 'text', 'source'].map(kind =>
    html(
      'button',
      {class: 'mq-link', 'aria-pressed': 'false', onclick: () => toggle(kind)},
      kind === 'source' ? 'source beside' : `as ${kind}`,
    ),
  );
  const foot = html('div', {class: 'mq-foot'}, ...links, code);
  root.append(head, stateHost, body, say, heard, below, foot, twin);
  if (bare) {
    head.remove();
    say.remove();
    foot.remove();
    twin.remove();
    root.style.padding = '4px 0';
  }

  const toggle = kind => {
    open = open === kind ? null : kind;
    if (open === 'source') send({do: 'source'});
    links.forEach((link, i) =>
      link.setAttribute('aria-pressed', String(['table', 'text', 'source'][i] === open)),
    );
    drawTwin();
  };
  const drawTwin = () => {
    twin.hidden = !open;
    const words = model.get('words') ?? {};
    if (open === 'table') keep(twin, words.table ?? {}, () => [block(words.table ?? {}, send)]);
    if (open === 'text') {
      const table = words.table ?? {},
        lines = [
          model.get('title'),
          `${words.at ?? ''} ${words.plain ?? ''}`,
          '',
          ...[table.cols ?? [], ...(table.rows ?? [])].map(row => row.map(plain).join(' | ')),
        ];
      keep(twin, lines, () => [html('pre', {tabindex: '0'}, lines.join('\n'))]);
    }
    if (open === 'source')
      keep(twin, [model.get('source')], () => [
        html('pre', {tabindex: '0'}, model.get('source') || 'Loading.'),
      ]);
  };
  const speak = () => {
    const text = model.get('words')?.plain ?? '',
      wait = heardAt + SAY_AT_MOST_EVERY_MS - performance.now();
    if (heard.textContent === text || heardTimer) return;
    const now = () => {
      heardTimer = 0;
      heardAt = performance.now();
      heard.textContent = model.get('words')?.plain ?? '';
    };
    if (wait <= 0) now();
    else heardTimer = setTimeout(now, wait);
  };
  const stateNow = () =>
    lost
      ? {
          kind: 'gone',
          badge: 'NOT CONNECTED',
          say: [
            'No word from the kernel for 4 s. If it has ended, no process of the cluster is left. ',
            `What you see is the last picture (${model.get('words')?.at ?? ''}).`,
          ],
          buttons: [{t: 'How to restart', local: 'restart', main: true}],
        }
      : (model.get('state') ?? {kind: 'live'});
  const buttons = state =>
    (state.buttons ?? []).flatMap(b => [
      html(
        'button',
        {
          class: `mq-button ${b.main ? 'mq-inverse' : ''}`,
          onclick: () => (b.local ? explain() : send(b.act)),
        },
        b.t,
      ),
      ...(b.code ? [html('code', {class: 'mq-code', style: 'background:none'}, b.code)] : []),
    ]);
  const explain = () => {
    say.append(
      html(
        'div',
        {class: 'mq-dim'},
        'Menu Kernel → Restart Kernel, then Run → Run All Cells. Your code is unchanged.',
      ),
    );
  };
  const drawWords = () => {
    const words = model.get('words') ?? {},
      state = stateNow(),
      stands = state.say;
    title.textContent = model.get('title');
    keep(badges, [model.get('timers'), state.badge], () => [
      ...(model.get('timers') ? [html('span', {class: 'mq-badge'}, model.get('timers'))] : []),
      ...(state.badge ? [html('span', {class: 'mq-badge mq-inverse'}, state.badge)] : []),
    ]);
    keep(say, [stands ?? words.say, words.at, state.buttons], () => [
      ...(stands ? [] : [html('span', {class: 'mq-at'}, words.at ?? '')]),
      ...rich(stands ?? words.say ?? '', send),
      ...(state.buttons?.length
        ? [html('div', {class: 'mq-buttons', style: 'margin-top:6px'}, ...buttons(state))]
        : []),
    ]);
    keep(code, [words.code], () => [words.code ?? '']);
    keep(stateHost, [state.steps, state.error, state.kind], () => [
      ...(state.steps
        ? [html('div', {class: 'mq-steps'}, block({rows: state.steps, num: [2], ruled: false}))]
        : []),
      ...(state.error
        ? [html('div', {class: 'mq-error'}, html('code', {}, state.error[0]), state.error[1] ?? '')]
        : []),
    ]);
    [body, below].forEach(pane => wear(pane, state.kind));
    root.dataset.state = state.kind;
    drawTwin();
    speak();
  };
  for (const part of parts) {
    const host = html('div', {class: part.cls ?? '', style: part.wide ? 'grid-column:1/-1' : null});
    (part.below ? below : body).append(host);
    cleanups.push(part.make(model, host, root, send));
  }
  body.classList.toggle(
    'mq-two',
    parts.some(p => p.cls === 'mq-side'),
  );
  body.classList.toggle('mq-even', even);

  const beat = () => {
    lastBeat = performance.now();
    if (lost) {
      lost = false;
      drawWords();
    }
  };
  // What was sent before this beat is handled: the kernel paints on (echo.py). All its views come
  // through one queue, so one of them answers; JupyterLab redraws its status for each message.
  const echo = () => {
    const page = model.widget_manager ?? globalThis,
      now = performance.now();
    if (now - (page.mqAnsweredAt ?? -1e9) < ANSWER_EVERY_MS) return;
    page.mqAnsweredAt = now;
    send({do: 'seen', beat: model.get('beat')});
  };
  const events = [
    ['change:words', drawWords],
    ['change:state', drawWords],
    ['change:title', drawWords],
    ['change:timers', drawWords],
    ['change:source', drawTwin],
    ['change:beat', beat],
    ['change:beat', echo],
    ['change:words', beat],
    ['change:frame', beat],
    ['change:picture', beat],
    ['change:control', beat],
  ];
  events.forEach(([name, f]) => model.on(name, f));
  const shown = {screen: false};
  const tell = () => {
    const visible = shown.screen && !document.hidden;
    if (visible) lastBeat = performance.now();
    whole.mqVisible ??= new Set();
    if (visible) whole.mqVisible.add(root);
    else whole.mqVisible.delete(root);
    const any = whole.mqVisible.size > 0;
    tellKernel('visible', any);
  };
  const screen = new IntersectionObserver(
    entries => {
      shown.screen = entries.at(-1).isIntersecting;
      tell();
    },
    {rootMargin: '80px'},
  );
  screen.observe(root);
  document.addEventListener('visibilitychange', tell);
  const motion = matchMedia('(prefers-reduced-motion: reduce)');
  const still = () => {
    tellKernel('reduced', motion.matches);
  };
  motion.addEventListener('change', still);
  still();
  const sizes = new ResizeObserver(() => {
    const w = Math.round(root.clientWidth - 32);
    root.classList.toggle('mq-narrow', w > 0 && w < 700);
    if (w > 100 && Math.abs(w - (sent.width ?? 0)) > 3) tellKernel('width', w);
  });
  sizes.observe(root);
  const pulse = setInterval(() => {
    const expects =
      shown.screen &&
      !document.hidden &&
      !['closed', 'error'].includes(model.get('state')?.kind) &&
      model.get('beats');
    if (expects && !lost && performance.now() - lastBeat > LOST_AFTER_MS && !kernelLives(model)) {
      lost = true;
      drawWords();
    }
  }, 1000);

  send({do: 'alive'});
  const alive = setInterval(() => send({do: 'alive'}), ALIVE_EVERY_MS);
  body.tabIndex = 0;
  body.setAttribute('role', 'group');
  body.setAttribute('aria-label', 'picture: arrow keys walk, Enter opens, t table, p pause');
  let walk = -1;
  body.addEventListener('keydown', event => {
    if (event.target !== body && event.target.matches?.('input,select,textarea,button')) return;
    const stops = [...body.querySelectorAll('.mq-act')];
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (step && stops.length) {
      walk = (walk + step + stops.length) % stops.length;
      body.querySelectorAll('.mq-walk').forEach(n => n.remove());
      const box = stops[walk].getBBox();
      stops[walk].append(
        svg('rect', {
          class: 'mq-walk',
          x: box.x - 3,
          y: box.y - 3,
          width: box.width + 6,
          height: box.height + 6,
        }),
      );
    } else if (event.key === 'Enter' && stops[walk])
      stops[walk].dispatchEvent(new MouseEvent('click', {bubbles: true}));
    else if (event.key === 't') toggle('table');
    else if (event.key === 'p') send({do: 'trait', trait: 'paused', value: !model.get('paused')});
    else if (event.key === 'Escape') {
      body.blur();
      walk = -1;
      body.querySelectorAll('.mq-walk').forEach(n => n.remove());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  cleanups.push(watchTheme(root));
  drawWords();
  return () => {
    cleanups.forEach(f => f?.());
    events.forEach(([name, f]) => model.off(name, f));
    screen.disconnect();
    sizes.disconnect();
    clearInterval(pulse);
    clearInterval(alive);
    clearTimeout(heardTimer);
    document.removeEventListener('visibilitychange', tell);
    motion.removeEventListener('change', still);
    shown.screen = false;
    tell();
  };
}

// Blocks of small tables from picture[name], redrawn only when they changed.
function blocksPart(name) {
  return (model, host, root, send) => {
    const draw = () => {
      const blocks = told(model, 'picture')?.[name] ?? [];
      while (host.children.length > blocks.length) host.lastChild.remove();
      while (host.children.length < blocks.length) host.append(html('div'));
      blocks.forEach((b, i) => keep(host.children[i], b, () => [block(b, send)]));
    };
    model.on('change:picture', draw);
    draw();
    return () => model.off('change:picture', draw);
  };
}

// A picture made of marks alone, in pixels of its own width.
function marksPart(model, host, root, send) {
  const picture = svg('svg', {role: 'img', width: '100%', style: 'display:block;overflow:visible'});
  host.append(picture);
  const flat = {x: {at: v => v}, y: {at: v => v}};
  const draw = () => {
    const p = told(model, 'picture') ?? {};
    picture.setAttribute('height', p.height ?? 100);
    picture.setAttribute('aria-label', model.get('words')?.plain ?? '');
    drawMarks(picture, p.marks ?? [], flat, root, send);
  };
  model.on('change:picture', draw);
  draw();
  return () => model.off('change:picture', draw);
}

function keyPart(model, host, root) {
  host.classList.add('mq-key');
  const draw = () => {
    const items = told(model, 'picture')?.key ?? [];
    host.hidden = !items.length;
    host.style.display = items.length ? '' : 'none';
    keep(host, items, () => [
      html('span', {class: 'mq-cap'}, 'Key'),
      ...items.map(item => html('span', {}, ...rich(item))),
    ]);
  };
  model.on('change:picture', draw);
  draw();
  return () => model.off('change:picture', draw);
}

function stack(...makers) {
  return (model, host, root, send) => {
    const ends = makers.map(make => {
      const place = html('div');
      host.append(place);
      return make(model, place, root, send);
    });
    return () => ends.forEach(f => f?.());
  };
}
