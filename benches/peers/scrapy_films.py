"""The same job with Scrapy: a spider of requests by number, 64 at once, and a Parquet file from an item pipeline."""

import sys

import orjson
import pyarrow.parquet as pq
import scrapy
from scrapy.crawler import CrawlerProcess

from asyncio_films import GROUP_ROWS, SCHEMA, row, write


class Films(scrapy.Spider):
    name = "films"

    async def start(self):
        for id in range(1, self.films + 1):
            yield scrapy.Request(f"{self.base_url}/movie/{id}?language=en-US", headers={"Authorization": "Bearer any"})

    # Before Scrapy 2.13.
    def start_requests(self):
        for id in range(1, self.films + 1):
            yield scrapy.Request(f"{self.base_url}/movie/{id}?language=en-US", headers={"Authorization": "Bearer any"})

    def parse(self, response):
        yield {"row": row(orjson.loads(response.body))}


class Parquet:
    def open_spider(self, spider):
        self.rows = []
        self.writer = pq.ParquetWriter(spider.path, SCHEMA, compression="zstd")

    def process_item(self, item, spider):
        self.rows.append(item["row"])
        if len(self.rows) >= GROUP_ROWS:
            write(self.writer, self.rows)
            self.rows = []
        return item

    def close_spider(self, spider):
        if self.rows:
            write(self.writer, self.rows)
        self.writer.close()


def main(base_url, films, path):
    process = CrawlerProcess(
        settings={
            "CONCURRENT_REQUESTS": 64,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
            "DOWNLOAD_DELAY": 0,
            "ROBOTSTXT_OBEY": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_ENABLED": False,
            "COOKIES_ENABLED": False,
            "REDIRECT_ENABLED": False,
            "RETRY_TIMES": 4,
            "ITEM_PIPELINES": {Parquet: 1},
        }
    )
    process.crawl(Films, base_url=base_url, films=films, path=path)
    process.start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
