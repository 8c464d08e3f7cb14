/** Writes zip files, and sheets as Excel has them, for tests of those who read them. */
import { crc32, deflateRawSync } from 'node:zlib';

export function zip(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const plain = Buffer.from(content);
    const packed = deflateRawSync(plain);
    const title = Buffer.from(name);
    const header = Buffer.alloc(26);
    // Version 2.0, text in UTF-8, deflated.
    header.writeUInt16LE(20, 0);
    header.writeUInt16LE(0x800, 2);
    header.writeUInt16LE(8, 4);
    header.writeUInt32LE(crc32(plain), 10);
    header.writeUInt32LE(packed.length, 14);
    header.writeUInt32LE(plain.length, 18);
    header.writeUInt16LE(title.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    parts.push(Buffer.from('PK\u0003\u0004', 'latin1'), header, title, packed);
    list.push(Buffer.from('PK\u0001\u0002\u0014\0', 'latin1'), header, place, title);
    offset += 30 + title.length + packed.length;
  }
  const names = Buffer.concat(list);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(names.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, names, Buffer.from('PK\u0005\u0006', 'latin1'), end]);
}

/** `sheets`: the rows of each sheet as XML. Texts are shared, formats those that cells name by their place. */
export function workbook(
  sheets: Readonly<Record<string, string>>,
  {
    texts = [],
    formats = [],
    is1904 = false,
  }: { texts?: string[]; formats?: (number | string)[]; is1904?: boolean } = {},
): Buffer {
  const names = Object.keys(sheets);
  const list = names
    .map((name, i) => `<sheet name="${name}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`)
    .join('');
  const links = names
    .map((_, i) => `<Relationship Id="rId${i + 1}" Target="worksheets/sheet${i + 1}.xml"/>`)
    .join('');
  const id = (format: number | string, i: number): number => (typeof format === 'number' ? format : 164 + i);
  const codes = formats
    .map((format, i) =>
      typeof format === 'number' ? '' : `<numFmt numFmtId="${id(format, i)}" formatCode="${format}"/>`,
    )
    .join('');
  const cells = formats.map((format, i) => `<xf numFmtId="${id(format, i)}"/>`).join('');
  return zip({
    '[Content_Types].xml': '<Types/>',
    'xl/workbook.xml': `<workbook xmlns:r="r"><workbookPr date1904="${is1904 ? 1 : 0}"/><sheets>${list}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${links}</Relationships>`,
    'xl/styles.xml': `<styleSheet><numFmts>${codes}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${cells}</cellXfs></styleSheet>`,
    'xl/sharedStrings.xml': `<sst>${texts.map((text) => `<si>${text}</si>`).join('')}</sst>`,
    ...Object.fromEntries(
      names.map((name, i) => [
        `xl/worksheets/sheet${i + 1}.xml`,
        `<worksheet><sheetData>${sheets[name]}</sheetData></worksheet>`,
      ]),
    ),
  });
}
