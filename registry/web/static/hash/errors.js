// Why a file cannot be hashed here. `why` is the name of a sentence on the page.

// The server can do it.
export class Unsuitable extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

// A part of this page did not come, or not as it should be. No reason to send the file.
export class Unloaded extends Error {}

// Nobody can: the file is damaged.
export class Undecodable extends Error {}
