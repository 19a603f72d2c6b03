// Why a file cannot be hashed here. `why` is the name of a sentence on the page.

// The server can do it.
export class Unsuitable extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

// Nobody can: the file is damaged.
export class Undecodable extends Error {}
