"""The page's tabs, a file each: `add(page)` adds a tab to the page that is being built. `page.TABS` lists them."""
