import { createHash } from 'node:crypto'

export const PAGE_LANGUAGES = ['zh', 'en'] as const
export type PageLanguage = (typeof PAGE_LANGUAGES)[number]

/** Style of pages to print (A4). */
export const PAGE_STYLE = `
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.55 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", system-ui, sans-serif;
  color: #1b2026; background: #fff; max-width: 178mm; margin: 10mm auto; padding: 0 6mm; }
h1 { font-size: 17pt; margin: 0 0 2mm; }
h2 { font-size: 12pt; margin: 7mm 0 2mm; padding-bottom: 1mm; border-bottom: 1px solid #9aa4ae; break-after: avoid; }
p { margin: 0 0 2mm; }
.facts { color: #4a5560; }
.result { border: 1px solid #2d5a88; border-left-width: 4px; padding: 3mm 4mm; margin: 4mm 0; break-inside: avoid; }
.unknown { border-color: #a3541a; }
table { border-collapse: collapse; width: 100%; margin: 2mm 0 4mm; font-size: 10pt; }
tr { break-inside: avoid; }
th, td { text-align: left; padding: 1.2mm 2mm; border-bottom: 1px solid #d4d9de; vertical-align: top; overflow-wrap: break-word; }
td.d, th.d { white-space: nowrap; }
th.n { white-space: normal; }
th:last-child:not(.n) { min-width: 22mm; }
small { display: block; font-size: 9pt; color: #4a5560; }
th { font-weight: 600; background: #f2f4f6; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.sum td { font-weight: 600; border-top: 1px solid #1b2026; }
tr.held td { background: #eef4fa; }
.note { font-size: 9.5pt; color: #4a5560; }
footer { margin-top: 10mm; font-size: 9pt; color: #4a5560; }
.sign { display: flex; gap: 12mm; margin-top: 12mm; break-inside: avoid; }
.sign span { flex: 1; border-top: 1px solid #1b2026; padding-top: 1mm; font-size: 9.5pt; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
`

/** No script, nothing from outside, only the style of this very page. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
/** Text as HTML: characters that mean something there, and control characters that turn a line around, stand for nothing. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? '').replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ')

/** A browser names HTML first; who names JSON, or nothing, has JSON. */
export const prefersPage = (accept: string | undefined): boolean => {
  const types = (accept ?? '').split(',').map((one) => one.split(';', 1)[0]?.trim().toLowerCase())
  const [page, json] = [types.indexOf('text/html'), types.indexOf('application/json')]
  return page >= 0 && (json < 0 || page < json)
}
