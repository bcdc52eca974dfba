import { type ErrorTable, failWith, type GatewayError } from '../core/index.ts'

/** Every way a file is refused before its rows mean anything. */
const table = {
  SHEET_FILE: { recovery: 'stop', hint: 'check the path and the permissions of the file' },
  SHEET_SIZE: { recovery: 'stop', hint: 'split the file, or leave out what the ledger does not keep' },
  SHEET_FORMAT: { recovery: 'stop', hint: 'save it as "Excel workbook (*.xlsx)" or as "CSV UTF-8", without a password' },
  SHEET_BOMB: {
    recovery: 'stop',
    hint: 'the file would unpack to far more than a table holds: ask who sent it, and save it again with a spreadsheet',
  },
  SHEET_DAMAGED: { recovery: 'stop', hint: 'the file is cut or damaged: open it in a spreadsheet, save it again and send that' },
  SHEET_ENCODING: { recovery: 'stop', hint: 'save the file as "CSV UTF-8", or name its encoding: utf-8, gb18030, utf-16le, utf-16be' },
  SHEET_NUL: { recovery: 'stop', hint: 'a table has no NUL bytes: the file is damaged, or it is UTF-16 without its first two bytes' },
  SHEET_QUOTES: { recovery: 'stop', hint: 'a quote inside a cell is written twice, and the quotes of a cell surround all of it' },
  SHEET_COLUMNS: {
    recovery: 'stop',
    hint: 'delete the columns that the ledger does not keep; a row past its end often comes from a wrong delimiter',
  },
  SHEET_ROWS: { recovery: 'stop', hint: 'split the file' },
  SHEET_CELL: { recovery: 'stop', hint: 'a cell has 32,767 characters at most: look for a quote that is never closed' },
  SHEET_CANCELLED: { recovery: 'stop', hint: 'start it again' },
} as const satisfies ErrorTable
export const fail = failWith(table)
export type SheetError = GatewayError<keyof typeof table>
