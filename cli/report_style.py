"""How a report's page looks: by daylight, in the dark, on a phone, on paper."""

STYLE = """\
:root { --ink: #16202a; --soft: #5b6875; --paper: #fbfbf9; --card: #fff; --rule: #dfe3e6;
  --batch: #0f8577; --realtime: #e8a33d; --late: #c8452f; --saved: #2563a8; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecef; --soft: #9aa7b2; --paper: #14191e; --card: #1c232a; --rule: #313b44;
    --batch: #2fb5a3; --realtime: #d99a3a; --late: #e8705a; --saved: #6aa5e6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 900px; padding: 20px 16px 40px; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
.eyebrow { margin: 0; color: var(--soft); font-size: 14px; }
h1 { margin: 6px 0 10px; font-size: clamp(22px, 5.5vw, 32px); line-height: 1.2; text-wrap: balance; }
header p { margin: 6px 0; font-size: 17px; }
.good, .bad, .next { padding-left: 12px; border-left: 4px solid var(--batch); }
.bad { border-color: var(--late); }
.next { border-color: var(--saved); }
h2 { margin: 28px 0 8px; font-size: 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(125px, 1fr)); gap: 8px; margin: 20px 0; }
.tiles div, figure { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 8px; }
figure { margin: 0; break-inside: avoid; }
figcaption { font-size: 14px; margin-bottom: 4px; }
figcaption span { color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 10.5px; }
rect.batch { fill: var(--batch); } rect.realtime { fill: var(--realtime); } rect.late { fill: var(--late); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; }
.key.batch { background: var(--batch); } .key.realtime { background: var(--realtime); }
.grid { stroke: var(--rule); stroke-dasharray: 2 3; } .base { stroke: var(--soft); }
.limit { stroke: var(--ink); stroke-dasharray: 4 3; stroke-width: 1.5; }
.saved { fill: var(--saved); } .saved.area { opacity: .18; }
.saved.line { fill: none; stroke: var(--saved); stroke-width: 2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 400; }
th, td { padding: 5px 8px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
tfoot td { font-weight: 600; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; font-size: 14px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; }
footer { margin-top: 24px; color: var(--soft); font-size: 13px; }
@media screen and (max-width: 520px) {
  .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: 8px; }
  table { font-size: 12px; } th, td { padding: 5px 3px; }
  .word, :is(th, td):nth-child(4), :is(th, td):nth-child(5), :is(th, td):nth-child(7) { display: none; } }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; --batch: #0f8577; --realtime: #e8a33d;
    --late: #c8452f; --saved: #2563a8; }
  body { max-width: none; padding: 0; font-size: 12px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .plots { grid-template-columns: 1fr 1fr; } .wide { overflow: visible; } tr { break-inside: avoid; } }
"""
