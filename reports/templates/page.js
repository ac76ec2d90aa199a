'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('scripted');
  // Light or dark: what the system says, until somebody chooses. A page opened from a file may have no storage.
  const kept = { get: () => { try { return localStorage.getItem('theme'); } catch { return null; } },
                 set: (value) => { try { localStorage.setItem('theme', value); } catch { /* for this time only */ } } };
  if (kept.get()) root.dataset.theme = kept.get();
  document.getElementById('theme').onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    kept.set(root.dataset.theme);
  };
  // Search.
  const search = document.getElementById('search'), show = document.getElementById('show'), found = document.getElementById('found');
  const tables = [...document.querySelectorAll('table.attacks')];
  const rows = tables.flatMap((table) => [...table.tBodies].flatMap((body) => {
    const [head, ...rest] = body.rows;
    return rest.map((row) => ({ row, head, text: (row.textContent + ' ' + head.textContent + ' ' + table.dataset.system).toLowerCase(),
      marks: [...row.cells].map((cell) => cell.className).join(' ').split(' ') }));
  }));
  const wanted = (marks, kind) => kind === '' || (kind === 'h' ? marks.every((mark) => ['', 'h', 'n'].includes(mark)) : marks.includes(kind));
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, text, marks } of rows) {
      row.hidden = !(words.every((word) => text.includes(word)) && wanted(marks, show.value));
      if (!row.hidden) count += 1;
    }
    for (const table of tables) {
      for (const body of table.tBodies) body.hidden = [...body.rows].slice(1).every((row) => row.hidden);
      table.hidden = [...table.tBodies].every((body) => body.hidden);
      table.previousElementSibling.hidden = table.hidden;
    }
    found.textContent = count === rows.length ? '' : `${count} of ${rows.length} attacks`;
  };
  search.oninput = show.onchange = filter;
  document.querySelector('form.filter').onsubmit = (event) => event.preventDefault();
  // A case is a place in the page; going back returns to the cell one came from.
  let from = null;
  const open = () => document.querySelector('.case:target');
  const arrive = () => {
    const target = open();
    if (target) { target.focus({ preventScroll: true }); if (matchMedia('(min-width:1250px)').matches) scrollTo(0, 0); }
    else if (from) { from.focus({ preventScroll: true }); from.scrollIntoView({ block: 'center' }); from = null; }
  };
  addEventListener('hashchange', arrive);
  addEventListener('click', (event) => { const link = event.target.closest('.matrix a'); if (link) from = link; });
  arrive();
  // Keys.
  const beside = (link, key) => {
    const cell = link.closest('td,th'), row = cell.parentElement;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      for (let next = cell; (next = key === 'ArrowLeft' ? next.previousElementSibling : next.nextElementSibling);) {
        const found = next.querySelector('a');
        if (found) return found;
      }
      return null;
    }
    const all = [...document.querySelectorAll('table.matrix tr')].filter((one) => one.offsetParent);
    const step = key === 'ArrowUp' ? -1 : 1;
    for (let at = all.indexOf(row) + step; all[at]; at += step) {
      const found = all[at].cells[cell.cellIndex]?.querySelector('a') ?? null;
      if (found) return found;
    }
    return null;
  };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.matches('input,select');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      from = null;
      if (open()) location.hash = '#attacks';
      search.focus(); search.select();
    } else if (event.key === 'Escape') {
      if (open()) location.hash = '#attacks';
      else if (typing && search.value) { search.value = ''; filter(); }
      else if (typing) event.target.blur();
    } else if (event.key.startsWith('Arrow') && !typing && !open()) {
      const link = document.activeElement.closest?.('.matrix td a');
      const next = link ? beside(link, event.key) : event.key === 'ArrowRight' ? document.querySelector('table.attacks td a') : null;
      if (next) { event.preventDefault(); next.focus(); }
    }
  });
})();
