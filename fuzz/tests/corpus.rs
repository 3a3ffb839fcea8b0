//! Every target on its committed corpus: what was found once stays found.

use std::{fs, path::Path};

#[test]
fn every_folder_belongs_to_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(keyward_fuzz::target(&name).is_some(), "{name}");
    }
}

#[test]
fn the_corpus_holds() {
    for target in keyward_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            (target.run)(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{} has no corpus", target.name);
        (target.run)(b"");
    }
}
