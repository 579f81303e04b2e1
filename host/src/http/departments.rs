//! Departments.

use axum::http::StatusCode;

use super::call::Call;
use super::cursor::Entries;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::organisation::Department;
use crate::flow::FlowError;
use crate::flow::organise::{self, NewDepartment};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/departments", permission::ALL, "Lists the departments by name", list),
        Route::post(
            "/v1/departments",
            permission::COMPANY_ADMIN,
            "Adds a department with its first queue",
            add,
        )
        .with_success(StatusCode::CREATED),
        Route::get("/v1/departments/{name}", permission::ALL, "Shows a department", show),
    ]
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<Department>>, Problem> {
    let directory = call.flow().directory.load();
    Ok(Answer::of(Entries::all(directory.departments().into_iter().cloned())))
}

async fn add(call: Call, Json(new): Json<NewDepartment>) -> Result<Answer<Department>, Problem> {
    Ok(Answer::of(organise::add_department(call.flow(), call.principal()?, new).await?))
}

async fn show(call: Call, (): ()) -> Result<Answer<Department>, Problem> {
    let directory = call.flow().directory.load();
    let name = call.segment("name");
    let found = directory.department_named(name).cloned().ok_or_else(|| {
        let known = directory.departments();
        FlowError::unknown("department", name, known.iter().map(|it| it.name.as_str()))
    })?;
    Ok(Answer::of(found))
}
