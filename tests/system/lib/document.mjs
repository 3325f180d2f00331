// What a document of docs/ says: its tables and fenced blocks, by heading.
import { readFile } from 'node:fs/promises';

const folder = new URL('../../../docs/', import.meta.url);

export class Document {
  static async read(name) {
    return new Document(await readFile(new URL(name, folder), 'utf8'));
  }

  constructor(text) {
    this.tables = []; // { heading, rows }: cells as text, the header's row first
    this.blocks = []; // { heading, language, words, lines }: of ```language words…
    let heading = '';
    let block;
    let table;
    for (const line of text.split('\n')) {
      const fence = line.match(/^```(\S*) *(.*)$/);
      if (block) {
        if (fence) block = undefined;
        else block.lines.push(line);
      } else if (fence) {
        block = { heading, language: fence[1], words: fence[2], lines: [] };
        this.blocks.push(block);
      } else if (line.startsWith('#')) {
        heading = line.replace(/^#+ /, '');
      }
      if (!block && line.startsWith('|')) {
        if (!table) this.tables.push(table = { heading, rows: [] });
        if (!/^[|\s-]+$/.test(line)) {
          table.rows.push(line.split('|').slice(1, -1).map((cell) => cell.trim()));
        }
      } else {
        table = undefined;
      }
    }
  }

  // The rows of the first table below that heading, without its header.
  table(heading) {
    return this.tables.find((table) => table.heading === heading).rows.slice(1);
  }

  // The lines of all blocks of that language.
  lines(language) {
    return this.blocks.filter((block) => block.language === language)
      .flatMap((block) => block.lines);
  }
}

// The cell without the marks of code.
export const plain = (cell) => cell.replaceAll('`', '');
