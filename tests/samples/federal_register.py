"""Good bodies of the source ``federal_register``."""

from __future__ import annotations

from tests.samples import sample

_DOCUMENTS = b"""{"description": "Documents", "count": 2, "total_pages": 1, "results": [
{"document_number": "2025-22001", "publication_date": "2025-12-22", "type": "Proposed Rule", "title": "Capital &amp; liquidity", "abstract": null,
"action": "Proposed rule.", "agencies": [{"name": "Federal Reserve System", "raw_name": "FEDERAL RESERVE SYSTEM"}], "topics": ["Banks, banking"],
"effective_on": null, "comments_close_on": "2026-02-20", "significant": true, "docket_ids": ["R-1"], "regulation_id_numbers": ["7100-AG00"],
"citation": "90 FR 1", "html_url": "https://e.org/1", "public_inspection_pdf_url": "https://p.org/2025-22001.pdf?1766151900"},
{"document_number": "2025-22002", "publication_date": "2025-12-23", "type": "Rule", "title": "Second", "agencies": [], "effective_on": "2026-04-01"}]}"""
_INSPECTION = b"""{"count": 1, "results": [{"document_number": "2026-00001", "filed_at": "2025-12-31T08:45:00.000-05:00", "publication_date": "2026-01-05",
"type": "Notice", "agency_names": ["Treasury Department"], "subject_1": "Agency Information Collection", "filing_type": "regular"}]}"""
_REGULATIONS = b"""{"data": [{"id": "FED-2025-0001-0001", "type": "documents", "attributes": {"docketId": "FED-2025-0001", "documentType": "Rule",
"subtype": null, "commentStartDate": "2025-12-22T05:00:00Z", "commentEndDate": "2026-02-21T04:59:59Z", "withdrawn": false, "agencyId": "FED",
"title": "A rule", "postedDate": "2025-12-22T05:00:00Z"}}], "meta": {"numberOfElements": 1, "totalElements": 1}}"""
SAMPLES = [sample("federal_register", body, stream="documents") for body in (_DOCUMENTS, _INSPECTION, _REGULATIONS)]
