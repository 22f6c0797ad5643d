// What a Relay application writes: a list that grows, rows that are read again by their id, and an edit.
import { graphql } from "relay-runtime";

export const board = graphql`
  query boardQuery($workspace: ID!) {
    me {
      name
    }
    workspace(id: $workspace) {
      ...board_items
    }
  }
`;

export const items = graphql`
  fragment board_items on Workspace
  @refetchable(queryName: "boardItemsQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" }) {
    name
    items(first: $first, after: $after, sort: TITLE_ASC) @connection(key: "board_items") {
      edges {
        node {
          id
          owner {
            ...board_user
          }
          ...board_item
        }
      }
    }
    members(first: 10) {
      nodes {
        ...board_member
      }
    }
  }
`;

export const item = graphql`
  fragment board_item on Item @refetchable(queryName: "boardItemQuery") {
    title
    status
    version
  }
`;

export const user = graphql`
  fragment board_user on User @refetchable(queryName: "boardUserQuery") {
    name
  }
`;

export const member = graphql`
  fragment board_member on Member @refetchable(queryName: "boardMemberQuery") {
    role
  }
`;

export const rename = graphql`
  mutation boardRenameMutation($id: ID!, $input: ItemUpdate!) {
    updateItem(id: $id, input: $input) {
      ...board_item
    }
  }
`;

export const remove = graphql`
  mutation boardRemoveMutation($id: ID!, $connections: [ID!]!) {
    deleteItem(id: $id) {
      deletedId @deleteEdge(connections: $connections)
    }
  }
`;

export const watch = graphql`
  subscription boardWatchSubscription($workspace: ID!) {
    changes(workspaceId: $workspace) {
      seq
      item {
        id
        ...board_item
      }
    }
  }
`;
