// One half of the page.
export class Side {
  constructor(page, side) {
    this.root = page.locator(`.pane[data-side=${side}]`);
    this.bubbles = this.root.locator('.bubble');
  }

  part(name) {
    return this.root.locator(`[data-part=${name}]`);
  }

  async say(text) {
    await this.part('text').fill(text);
    await this.part('text').press('Enter');
  }

  // What this side said.
  mine(text, status) {
    return this.root.locator(`.mine[data-status=${status}]`, { hasText: text });
  }

  async hears(text) {
    await this.root.locator('.theirs .content').getByText(text, { exact: true }).waitFor();
  }

  async is(state) {
    await this.root.locator(`[data-part=state][data-state=${state}]`).waitFor();
  }

  async peerIs(state) {
    await this.root.locator(`[data-part=peer][data-state=${state}]`).waitFor();
  }
}
