import { expect, test } from '@playwright/test';

for (const what of ['title', 'heading', 'status', 'worker']) {
  test(`the shop has its ${what}`, async ({ page }) => {
    const answer = await page.goto('/');
    expect(answer?.status()).toBe(200);
    await expect(page).toHaveTitle('Shop');
    await expect(page.getByRole('heading')).toHaveText('3 apples');
  });
}
