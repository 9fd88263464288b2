-- What the first version of Spillover left behind: its schema, and a row or more in every table.
BEGIN TRANSACTION;
CREATE TABLE attempts (
	attempt_id VARCHAR NOT NULL, 
	submission_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	pool VARCHAR NOT NULL, 
	node_type VARCHAR NOT NULL, 
	market VARCHAR NOT NULL, 
	committed_at FLOAT NOT NULL, 
	why TEXT NOT NULL, 
	status VARCHAR NOT NULL, 
	session_name VARCHAR, 
	started_at FLOAT, 
	ended_at FLOAT, 
	outcome VARCHAR, 
	message TEXT NOT NULL, 
	error_type VARCHAR, 
	exit_code INTEGER, 
	core_job_id VARCHAR, 
	driver_info TEXT, 
	driver_node_id VARCHAR, 
	driver_agent_http_address VARCHAR, 
	stop_sent_at FLOAT, 
	log_whole BOOLEAN NOT NULL, 
	PRIMARY KEY (attempt_id)
);
INSERT INTO "attempts" VALUES('j1','j1',1,'onprem','worker','owned',1790000301.0,'Runs on onprem now.','committed',NULL,NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE decisions (
	seq INTEGER NOT NULL, 
	submission_id VARCHAR NOT NULL, 
	at FLOAT NOT NULL, 
	decision TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "decisions" VALUES(1,'j1',1790000301.0,'{"submission_id":"j1","at":1790000301.0,"verdict":"take","sentence":"Runs on onprem now.","reason":"fits","policy":"threshold","pool":"onprem","node_type":"worker","market":"owned","until":null,"expected_start_at":null,"offers":[]}');
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	actor VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "events" VALUES(1,1790000300.0,'alice','j1','submitted, needs 1x{CPU:1} (declared)');
INSERT INTO "events" VALUES(2,1790000301.0,'spillover','j1','placed');
CREATE TABLE jobs (
	submission_id VARCHAR NOT NULL, 
	deleted BOOLEAN NOT NULL, 
	entrypoint TEXT NOT NULL, 
	request TEXT NOT NULL, 
	env_vars TEXT, 
	user VARCHAR NOT NULL, 
	team VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	demand TEXT NOT NULL, 
	demand_source VARCHAR NOT NULL, 
	hints TEXT NOT NULL, 
	submitted_at FLOAT NOT NULL, 
	status VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	message TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	not_before FLOAT NOT NULL, 
	started_at FLOAT, 
	ended_at FLOAT, 
	error_type VARCHAR, 
	exit_code INTEGER, 
	wait_reason VARCHAR NOT NULL, 
	expected_start_at FLOAT, 
	claim_token VARCHAR, 
	claim_until FLOAT, 
	PRIMARY KEY (submission_id)
);
INSERT INTO "jobs" VALUES('j1',0,'python a.py','{"entrypoint":"python a.py","runtime_env":{"working_dir":"gcs://_ray_pkg_1.zip"},"metadata":{"spillover/runtime":"2h"},"entrypoint_num_cpus":null,"entrypoint_num_gpus":null,"entrypoint_memory":null,"entrypoint_resources":null,"entrypoint_label_selector":null}',NULL,'alice','search',0,'{"bundles":[[2,{"CPU":1.0}]],"driver":{},"labels":[]}','declared','{"runtime_s":7200.0,"max_runtime_s":null,"deadline_at":null,"pools":[],"regions":[],"markets":[],"needs":[],"resumable":false}',1790000300.0,'running','run','Waits to be placed.',1,0.0,1790000302.0,NULL,NULL,NULL,'',NULL,NULL,NULL);
CREATE TABLE ledger (
	seq INTEGER NOT NULL, 
	pool VARCHAR NOT NULL, 
	node_id VARCHAR NOT NULL, 
	node_type VARCHAR NOT NULL, 
	market VARCHAR NOT NULL, 
	start FLOAT NOT NULL, 
	"end" FLOAT NOT NULL, 
	kind VARCHAR NOT NULL, 
	nano_usd BIGINT NOT NULL, 
	node_s FLOAT NOT NULL, 
	submission_id VARCHAR, 
	team VARCHAR, 
	user VARCHAR, 
	PRIMARY KEY (seq)
);
INSERT INTO "ledger" VALUES(1,'onprem','n1','worker','owned',1790000302.0,1790000400.0,'job',5444444,98.0,'j1','search','alice');
CREATE TABLE meta (
	name VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('installation','391a6a9a65429c94');
CREATE TABLE nodes (
	pool VARCHAR NOT NULL, 
	node_id VARCHAR NOT NULL, 
	node_type VARCHAR NOT NULL, 
	market VARCHAR NOT NULL, 
	price_usd_per_hour FLOAT NOT NULL, 
	is_head BOOLEAN NOT NULL, 
	ip VARCHAR NOT NULL, 
	since FLOAT NOT NULL, 
	metered_until FLOAT NOT NULL, 
	gone_at FLOAT, 
	PRIMARY KEY (pool, node_id)
);
INSERT INTO "nodes" VALUES('onprem','n1','worker','owned',0.2,0,'10.0.0.1',1790000000.0,1790000400.0,NULL);
CREATE TABLE observed (
	team VARCHAR NOT NULL, 
	entrypoint TEXT NOT NULL, 
	demand TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (team, entrypoint)
);
INSERT INTO "observed" VALUES('search','python a.py','{"bundles":[[2,{"CPU":1.0}]],"driver":{},"labels":[]}',1790000310.0);
CREATE TABLE packages (
	tenant VARCHAR NOT NULL, 
	uri VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, 
	pinned_until FLOAT NOT NULL, 
	PRIMARY KEY (tenant, uri)
);
INSERT INTO "packages" VALUES('alice','gcs://_ray_pkg_1.zip',6442450944,1790000299.0,1790000899.0);
CREATE TABLE pools (
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	address VARCHAR, 
	session_name VARCHAR, 
	lease_id VARCHAR, 
	lease_max_nodes INTEGER NOT NULL, 
	lease_expires_at FLOAT, 
	raised_at FLOAT, 
	since FLOAT NOT NULL, 
	seen_at FLOAT, 
	idle_since FLOAT, 
	retry_at FLOAT, 
	fenced_at FLOAT, 
	fold_asked_at FLOAT, 
	session_since FLOAT, 
	failures INTEGER NOT NULL, 
	message TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "pools" VALUES('onprem','up','up','http://127.0.0.1:1','s','l1',2,1790003900.0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,0,'');
CREATE TABLE tokens (
	hash VARCHAR NOT NULL, 
	user VARCHAR NOT NULL, 
	team VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "tokens" VALUES('76f75e6129fe30135bd44d80ab7cc46fdba81907758dc808f3e2517beef2b1e9','admin','default','admin',1790000000.0);
INSERT INTO "tokens" VALUES('df6165a23e6064f6cab35f0523786da7d0e775ee0f3fd8d4977cca4350a20b5c','admin','default','admin',1790000100.0);
INSERT INTO "tokens" VALUES('339f694afaae46da6ea82f200af9b636304d534bc92054419f5688ea53171240','alice','search','user',1790000200.0);
CREATE INDEX jobs_by_status ON jobs (status, submitted_at);
CREATE INDEX jobs_by_likeness ON jobs (team, status, submitted_at);
CREATE INDEX ix_attempts_submission_id ON attempts (submission_id);
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_decisions_submission_id ON decisions (submission_id);
CREATE INDEX ix_events_subject ON events (subject);
CREATE INDEX ix_nodes_gone_at ON nodes (gone_at);
CREATE INDEX ix_ledger_submission_id ON ledger (submission_id);
COMMIT;
