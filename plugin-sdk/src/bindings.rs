//! What `wit-bindgen` makes of the contract, and nothing else.
//!
//! A plugin exports the interfaces of its own world only, while both worlds share one set of types.
//! So there is one generated world for each exported interface, and the later two borrow the types of
//! the first. Every export leaves its own piece of the component's type behind; the encoder joins the
//! pieces, and what comes out is `policy-plugin` or `channel-adapter`.

/// The shared types, the log, and the interface every plugin exports.
pub mod base {
    wit_bindgen::generate!({
        inline: "
            package switchboard:sdk-base;
            world base {
                import switchboard:plugin/types@0.2.0;
                import switchboard:plugin/log@0.2.0;
                export switchboard:plugin/plugin@0.2.0;
            }
        ",
        path: "../wit",
        generate_all,
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: "export_base",
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "switchboard:plugin/types@0.2.0/item-kind": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "kebab-case")]
            ],
            "switchboard:plugin/types@0.2.0/visibility": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "kebab-case")]
            ],
            "switchboard:plugin/types@0.2.0/priority": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "kebab-case")]
            ],
            "switchboard:plugin/types@0.2.0/listening": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "kebab-case")]
            ],
            "switchboard:plugin/types@0.2.0/metric": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "kebab-case")]
            ],
        },
    });
}

/// What only policies export.
pub mod policy {
    wit_bindgen::generate!({
        inline: "
            package switchboard:sdk-policy;
            world policy-only {
                export switchboard:plugin/policy@0.2.0;
            }
        ",
        path: "../wit",
        with: {
            "switchboard:plugin/types@0.2.0": super::base::switchboard::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_policy_only",
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "switchboard:plugin/policy@0.2.0/destination": [
                #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(deny_unknown_fields)]
            ],
        },
    });
}

/// What only adapters export.
pub mod adapter {
    wit_bindgen::generate!({
        inline: "
            package switchboard:sdk-adapter;
            world adapter-only {
                import switchboard:plugin/secrets@0.2.0;
                export switchboard:plugin/adapter@0.2.0;
            }
        ",
        path: "../wit",
        with: {
            "switchboard:plugin/types@0.2.0": super::base::switchboard::plugin::types,
            "switchboard:plugin/secrets@0.2.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_adapter_only",
        additional_derives: [PartialEq],
    });
}
