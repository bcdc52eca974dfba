/**
 * A tree that is XML and JSON alike: members are child elements in their order, lists are repeated elements, `ref` is an attribute,
 * text is text. Absent members are no element at all.
 */
export interface Tree {
  readonly [name: string]: Branch | readonly Branch[] | undefined
}
export type Branch = string | Tree

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' }

/** What XML 1.0 cannot hold in any form: control characters, half characters, U+FFFE and U+FFFF. @source XML 1.0, production 2 Char */
const IMPOSSIBLE = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

/** Text as it may stand in an element or an attribute; what XML cannot hold becomes U+FFFD. */
export const escapeXml = (text: string): string => text.replace(IMPOSSIBLE, '\ufffd').replace(/[&<>"\r]/g, (char) => ENTITIES[char]!)

const isList = (value: Branch | readonly Branch[]): value is readonly Branch[] => Array.isArray(value)

/** One element with all that is in it, without indent. */
export const xmlOf = (name: string, branch: Branch): string => {
  if (typeof branch === 'string') return branch === '' ? `<${name}/>` : `<${name}>${escapeXml(branch)}</${name}>`
  let attributes = ''
  let inner = ''
  for (const [member, value] of Object.entries(branch)) {
    if (value === undefined) continue
    if (member === 'ref' && typeof value === 'string') attributes += ` ref="${escapeXml(value)}"`
    else if (isList(value)) for (const one of value) inner += xmlOf(member, one)
    else inner += xmlOf(member, value)
  }
  return inner === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inner}</${name}>`
}
