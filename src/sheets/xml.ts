import { SaxesParser } from 'saxes'
import { ok, type Result } from '../core/index.ts'
import { fail, type SheetError } from './errors.ts'
import type { ByteSource } from './source.ts'
import { unpack, type ZipEntry } from './zip.ts'

/** What is done with a part, element by element. Names come without their prefix. A refusal ends it. */
export interface XmlHandler {
  open?(name: string, attributes: Readonly<Record<string, string>>): Result<void, SheetError> | undefined
  text?(text: string): void
  close?(name: string): Result<void, SheetError> | undefined
}

const PIECE_CHARS = 64 * 1024

/**
 * Reads one XML part of a workbook while it is unpacked. A document type is refused before it can declare anything, so there are no
 * entities but the five of XML, and nothing outside is ever fetched.
 *
 * @errors SHEET_DAMAGED, SHEET_BOMB, SHEET_CANCELLED, and what the handler refuses
 */
export const readXml = async (
  source: ByteSource,
  entry: ZipEntry,
  handler: XmlHandler,
  signal?: AbortSignal,
): Promise<Result<void, SheetError>> => {
  const { name: part } = entry
  let refused: Result<never, SheetError> | null = null
  const refusal = (): Result<never, SheetError> | null => refused
  const note = (result: Result<void, SheetError> | undefined): void => {
    if (result && !result.ok) refused ??= result
  }
  const parser = new SaxesParser({ xmlns: false })
  parser.on('doctype', () => note(fail('SHEET_BOMB', `${part} declares a document type: no spreadsheet writes one`)))
  parser.on('error', (error) => note(fail('SHEET_DAMAGED', `${part} is no well-formed XML: ${error.message}`)))
  if (handler.open)
    parser.on('opentag', ({ name, attributes }) => (refused === null ? note(handler.open?.(local(name), attributes)) : undefined))
  if (handler.text) {
    parser.on('text', (text) => handler.text?.(text))
    parser.on('cdata', (text) => handler.text?.(text))
  }
  if (handler.close) parser.on('closetag', ({ name }) => (refused === null ? note(handler.close?.(local(name))) : undefined))
  let isFirst = true
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of unpack(source, entry)) {
      if (!chunk.ok) return chunk
      if (signal?.aborted) return fail('SHEET_CANCELLED', 'was cancelled')
      const text = decoder.decode(chunk.value, { stream: true })
      // A part without elements would grow in the parser: it is given small pieces and looked at between them.
      if (isFirst && /<!DOCTYPE/i.test(text)) return fail('SHEET_BOMB', `${part} declares a document type: no spreadsheet writes one`)
      isFirst = false
      for (let from = 0; from < text.length && refusal() === null; from += PIECE_CHARS) parser.write(text.slice(from, from + PIECE_CHARS))
      const found = refusal()
      if (found) return found
    }
    decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) return fail('SHEET_DAMAGED', `${part} is no UTF-8`)
    throw error
  }
  parser.close()
  return refusal() ?? ok(undefined)
}

const local = (name: string): string => {
  const colon = name.indexOf(':')
  return colon < 0 ? name : name.slice(colon + 1)
}
