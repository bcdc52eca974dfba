// Just enough of TypeScript's grammar to tell code from text: where imports stand, and which words are code.

/** After these a slash begins a regular expression, anywhere else it divides. */
const BEFORE_REGEX = /(^|[([{,;:=!&|?+\-*%~^<>}]|\b(return|typeof|case|in|of|yield|await|delete|void|throw|else|do))\s*$/

/**
 * The source with comments, text and regular expressions blanked out, character for character, so that positions stay.
 * What stands in `${}` of a template is code and stays.
 */
export const codeOf = (source) => {
  const out = source.split('')
  const blank = (from, to) => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' '
  }
  /** One entry for each template we are inside of: how many braces are open in its `${}`. */
  const templates = []
  let at = 0
  const endOfQuoted = (quote) => {
    let end = at + 1
    while (end < source.length && source[end] !== quote && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1
    return end
  }
  /** Walks template text from `from`; stops behind the closing backtick or behind `${`. */
  const template = (from) => {
    let end = from
    while (end < source.length) {
      if (source[end] === '\\') end += 2
      else if (source[end] === '`') {
        blank(from, end)
        return end + 1
      } else if (source.startsWith('${', end)) {
        blank(from, end)
        templates.push(0)
        return end + 2
      } else end++
    }
    blank(from, end)
    return end
  }
  while (at < source.length) {
    const char = source[at]
    if (source.startsWith('//', at)) {
      const end = source.indexOf('\n', at)
      blank(at, end < 0 ? source.length : end)
      at = end < 0 ? source.length : end
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2)
      blank(at, end < 0 ? source.length : end + 2)
      at = end < 0 ? source.length : end + 2
    } else if (char === "'" || char === '"') {
      const end = endOfQuoted(char)
      blank(at + 1, end)
      at = end + 1
    } else if (char === '`') at = template(at + 1)
    else if (char === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      let end = at + 1
      for (let inClass = false; end < source.length && source[end] !== '\n'; end++) {
        if (source[end] === '\\') end++
        else if (source[end] === '[') inClass = true
        else if (source[end] === ']') inClass = false
        else if (source[end] === '/' && !inClass) break
      }
      blank(at + 1, end)
      at = end + 1
    } else {
      if (templates.length > 0) {
        if (char === '{') templates[templates.length - 1]++
        else if (char === '}' && templates[templates.length - 1]-- === 0) {
          templates.pop()
          at = template(at + 1)
          continue
        }
      }
      at++
    }
  }
  return out.join('')
}

const lineAt = (source, at) => source.slice(0, at).split('\n').length

/**
 * Every import of a module: static, re-export, dynamic, `import()` in a type.
 *
 * @returns  specifier, line from 1, and whether only types come through
 */
export const importsOf = (source) => {
  const code = codeOf(source)
  const found = []
  const add = (quoteAt, typeOnly) => {
    const end = source.indexOf(source[quoteAt], quoteAt + 1)
    found.push({ specifier: source.slice(quoteAt + 1, end), line: lineAt(source, quoteAt), typeOnly })
  }
  for (const match of code.matchAll(/\b(import|export)\b(?!\s*[.:])([^'"();=]*?)(?:\bfrom\s*|(?<=\bimport\s*))(?=['"])/g))
    add(match.index + match[0].length, /^\s*type\b/.test(match[2]) && !/^\s*type\s*,?\s*from/.test(match[2]))
  for (const match of code.matchAll(/\bimport\s*\(\s*(?=['"])/g)) add(match.index + match[0].length, false)
  return found
}

/** Where a word of `words` stands as a free name in the code: not a member of something, not a key, not an import. */
export const freeNames = (source, words) => {
  const code = codeOf(source)
  const pattern = new RegExp(`(?<![\\w$.#])(${words.join('|')})\\b(?!\\s*:(?!:))`, 'g')
  return [...code.matchAll(pattern)].map((match) => ({ name: match[1], line: lineAt(source, match.index) }))
}
