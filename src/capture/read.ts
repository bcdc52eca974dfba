import type { Result } from '../core/index.ts'
import { fail } from './errors.ts'
import type { Capture } from './format.ts'
import { readJsonLines } from './json-lines.ts'
import { isPcap, readPcap } from './pcap-read.ts'
import { readText, TEXT_HEAD } from './text.ts'

/** A capture is read as a whole; a day of one busy line is far smaller. */
export const MOST_BYTES = 256 * 1024 * 1024

/** Reads a capture of any of the three formats, told apart by their first bytes. @errors every code of captures */
export const readCapture = (bytes: Uint8Array): Result<Capture> => {
  if (bytes.length > MOST_BYTES)
    return fail('CAPTURE_SIZE', `${bytes.length} bytes; at most ${MOST_BYTES}`, { bytes: bytes.length, limit: MOST_BYTES })
  if (isPcap(bytes)) return readPcap(bytes)
  const text = new TextDecoder().decode(bytes)
  if (text.startsWith(TEXT_HEAD)) return readText(text)
  if (text.startsWith('{')) return readJsonLines(text)
  return fail('CAPTURE_FORMAT', 'it is neither a capture of gridtally nor a pcap file')
}
